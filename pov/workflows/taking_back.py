"""What a killed trial left is taken back before anything is measured again: nobody was there to do it then.

That is a version in Git, the whole stage of `new-stage`, or the release of Argo CD from which `upgrade` starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pov.base.errors import PovError
from pov.base.wait import Pending, wait_for
from pov.config.estates import NEW_STAGE
from pov.experiments import new_stage, upgrade
from pov.experiments.gitops import at_rest
from pov.experiments.ports.gitops import Configuration
from pov.experiments.ports.platform import Release
from pov.experiments.toolbox import STAGING, Toolbox
from pov.experiments.upkeep import ARGOCD
from pov.measure.trials import tell
from pov.model.events import Emit, Event
from pov.state import under_way
from pov.state.runs import read_run, saved_in
from pov.steps.landing_zone.deal import Followed
from pov.workflows.differences import known_to_the_prober
from pov.workflows.measuring import mark_of

_AT_REST_S = 240.0
_STAGE_S = 60.0
_RELEASE_S, _SERVES_S = 60.0, 300.0
_LABEL = "pov.dev/stage"


def take_back(box: Toolbox, mark: str, trial: str, emit: Emit) -> None:
    """Revert the commit of a version that `trial` of the run with this mark left, and wait until staging is at rest.

    A version that does not start would else be what the next trial begins with, and would count against its arm. A
    version that `deploy` left is a good one, and stays. Raises `PovError` where staging does not come to rest.
    """
    if not trial:
        return
    copy = box.git.configuration(STAGING)
    try:
        _revert(copy, mark, trial, emit)
        _rest(box, copy, trial)
    finally:
        copy.close()


def take_back_all(box: Toolbox, runs: Path, emit: Emit) -> None:
    """The same for every run here that was killed and has not gone on since; a stage is waited for only then."""
    for run, trial in killed(runs):
        copy = box.git.configuration(STAGING)
        try:
            if _revert(copy, mark_of(run), trial, emit):
                _rest(box, copy, trial)
        finally:
            copy.close()


def take_back_stage(box: Toolbox, emit: Emit, deal: Followed | None) -> bool:
    """Take away the stage that a killed trial of `new-stage` left, as that trial would have; whether there was one.

    A namespace of that name which the `deal` that is followed asks for is no leftover. Raises `PovError` where some of
    it stays.
    """
    if not _stage_left(box, deal):
        return False
    title = f"Taking away the stage {NEW_STAGE}, which a killed trial of new-stage left"
    emit(Event("started", "measure", title, _STAGE_S))
    begun = box.clock.monotonic()
    if problems := new_stage.take_away(box):
        emit(Event("failed", "measure", title, box.clock.monotonic() - begun))
        told = f"the stage {NEW_STAGE}, which a killed trial of new-stage left, could not be taken away"
        raise PovError(told, cause="; ".join(problems), fix="pov up takes all of it away; then this again")
    emit(Event("finished", "measure", title, box.clock.monotonic() - begun))
    return True


def take_back_release(box: Toolbox, trials: Iterable[str], emit: Emit) -> bool:
    """Install the pinned Argo CD where one of these `trials`, which were killed, left the one from which it starts.

    Returns whether it was to be done. Raises `PovError` where the pinned one does not serve then.
    """
    name = upgrade.EXPERIMENT.name
    if not any(trial.startswith(f"{name} ") for trial in trials):
        return False
    pinned = box.platform.pinned()
    if not _lacking(box, pinned):
        return False
    title = f"Installing Argo CD {pinned.version} again, which a killed trial of {name} had taken out"
    emit(Event("started", "measure", title, _RELEASE_S))
    begun = box.clock.monotonic()
    try:
        pinned.install()
        _until_it_serves(box, pinned)
    except PovError as error:
        emit(Event("failed", "measure", title, box.clock.monotonic() - begun))
        told = f"a killed trial of {name} left another Argo CD than {pinned.version}"
        raise PovError(told, cause=tell(error), fix="pov up installs it; then this again") from error
    emit(Event("finished", "measure", title, box.clock.monotonic() - begun))
    return True


def _until_it_serves(box: Toolbox, pinned: Release) -> None:
    def look() -> bool | Pending:
        told = _lacking(box, pinned)
        return Pending(told) if told else True

    wait_for(f"Argo CD {pinned.version} to serve", look, timeout_s=_SERVES_S, interval_s=0.5, clock=box.clock)


def _lacking(box: Toolbox, pinned: Release) -> str:
    try:
        told = box.platform.lacking(ARGOCD)
        says = told or box.platform.version()
    except PovError as error:
        return error.message
    return told or ("" if says == pinned.version else f"it says that it is {says}")


def _stage_left(box: Toolbox, deal: Followed | None) -> bool:
    """Whether the prober knows that stage, of which it hears first and which it forgets last, or Terraform made it.

    What a deal asks for Terraform makes as well.
    """
    if NEW_STAGE in known_to_the_prober(box.cluster):
        return True
    held = box.cluster.get(new_stage.NAMESPACE, NEW_STAGE) or {}
    labels = (held.get("metadata") or {}).get("labels") or {}
    return labels.get(_LABEL) == NEW_STAGE and (deal is None or NEW_STAGE not in deal.stages)


def killed(runs: Path) -> Iterator[tuple[str, str]]:
    """Runs without an end and the trial that each was killed in, the newest first. What cannot be read says nothing."""
    for path in reversed(saved_in(runs)):
        if (path / "summary.json").is_file():
            continue
        try:
            trial = under_way.unsaved(path, read_run(path).samples)
        except PovError:
            continue
        if trial:
            yield path.name, trial


def _revert(copy: Configuration, mark: str, trial: str, emit: Emit) -> bool:
    """Take a version of `trial` out of Git; whether there was one."""
    if not _asked_for(copy, mark, trial):
        return False
    emit(Event("note", "measure", f"taking back what {trial} left in Git"))
    copy.revert(copy.head())
    if left := _asked_for(copy, mark, trial):
        told = f"{STAGING} asks for {left}, which {trial} left when it was killed, and other commits came after it"
        raise PovError(told, fix="revert that commit in the configuration repository (pov open gitea), then this again")
    copy.commit(f"Take back what {trial} left, which was cut off")
    copy.push()
    return True


def _asked_for(copy: Configuration, mark: str, trial: str) -> str:
    """A version of `trial` that Git asks for; empty for none. A run that went on has more behind its mark."""
    left = f"-{trial.replace(' ', '-')}"
    tags = (image.rpartition(":")[2] for image in copy.images().values())
    return next((tag for tag in tags if tag.startswith(mark) and tag.endswith(left)), "")


def _rest(box: Toolbox, copy: Configuration, trial: str) -> None:
    try:
        at_rest(box, STAGING, copy.head(), _AT_REST_S)
    except PovError as error:
        told = f"{STAGING} is not at rest after {trial} was cut off: the next trial would begin with what that left"
        raise PovError(told, cause=error.message, fix="pov status; then this again, or a new run") from error
