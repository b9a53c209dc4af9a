"""What trials that change the configuration by pull request share: a working copy of it."""

from __future__ import annotations

from pov.base.errors import PovError
from pov.base.wait import wait_for
from pov.experiments.ports.gitops import Configuration
from pov.experiments.toolbox import STAGING
from pov.experiments.trial import EstateTrial

_GIT_S = 120.0


class WorkingCopyTrial(EstateTrial):
    """A trial with a working copy that is closed when the trial is over."""

    _copy: Configuration | None = None

    @property
    def copy(self) -> Configuration:
        """The working copy; there from `make_fit` on."""
        if self._copy is None:
            raise PovError("the trial was not set up")
        return self._copy

    def keep_copy(self) -> None:
        """Open the trial's own."""
        self._copy = self.fresh_copy()
        self.after.add("working copy", self._copy.close)

    def fresh_copy(self) -> Configuration:
        """A fresh working copy, also if Gitea is on its way back from somewhere; whoever asks closes it."""
        git, clock = self.box.git, self.box.clock
        return wait_for(
            "Gitea", lambda: git.configuration(STAGING), timeout_s=_GIT_S, interval_s=1.0, clock=clock, fix="pov status"
        )
