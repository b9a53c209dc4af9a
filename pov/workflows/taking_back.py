"""What a trial that was killed left in Git is taken back before its run goes on: nobody was there to do it then."""

from __future__ import annotations

from pov.base.errors import PovError
from pov.experiments.gitops import at_rest
from pov.experiments.toolbox import STAGING, Toolbox
from pov.model.events import Emit, Event

_AT_REST_S = 240.0


def take_back(box: Toolbox, mark: str, trial: str, emit: Emit) -> None:
    """Revert the commit of a version that `trial` of the run with this mark left, and wait until staging is at rest.

    A version that does not start would else be what the next trial begins with, and would count against its arm. A
    version that `deploy` left is a good one, and stays. Raises `PovError` where staging does not come to rest.
    """
    if not trial:
        return
    copy = box.git.configuration(STAGING)
    try:
        left = f"-{trial.replace(' ', '-')}"
        tags = [image.rpartition(":")[2] for image in copy.images().values()]
        if any(tag.startswith(mark) and tag.endswith(left) for tag in tags):
            emit(Event("note", "measure", f"taking back what {trial} left in Git"))
            copy.revert(copy.head())
            copy.commit(f"Take back what {trial} left, which was cut off")
            copy.push()
        try:
            at_rest(box, STAGING, copy.head(), _AT_REST_S)
        except PovError as error:
            told = f"{STAGING} is not at rest after {trial} was cut off: the next trial would begin with what that left"
            raise PovError(told, cause=error.message, fix="pov status; then this again, or a new run") from error
    finally:
        copy.close()
