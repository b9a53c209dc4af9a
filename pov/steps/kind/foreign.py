"""A cluster of the right name that this environment did not make: whose it may be, and what can be done."""

from __future__ import annotations

import shlex
from pathlib import Path

from pov.engines.kind import Node
from pov.state.home import Home
from pov.steps.kind.intent import Intent
from pov.steps.kind.place import Place


def remedy(place: Place, node: Node | None) -> str:
    """What to type: where the environment that made it lies nearby its folder is told, and nothing is to be deleted."""
    if node is not None and (owner := _owner(place.home, node)) is not None:
        return (
            f"it is that of another folder: cd {shlex.quote(str(owner))} && pov status; or give this one another --name"
        )
    return (
        "if it was brought up from another engagement folder, it is that one's: pov --engagement DIR status; else give "
        f"this one another --name; or, if that one is yours to lose: kind delete cluster --name {place.cluster}"
    )


def _owner(home: Home, node: Node) -> Path | None:
    """The folder below, beside or above this environment's whose record has the very ports of the node."""
    root = home.root.parent.parent
    for above in (root, root.parent):
        for folder in (above, *sorted(path.parent for path in above.glob("*/.pov"))):
            other = Home(folder / ".pov" / home.root.name)
            if other.root != home.root and (intent := Intent.load(other)) is not None and intent.fits(node):
                return folder
    return None
