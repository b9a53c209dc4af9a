"""The room in which a change is looked at: a copy of its root module beside the toolkit's own modules.

Terraform loads more than what it is shown: files that set variables, files that override others, files in another
notation. So no more than plain `*.tf` is copied, and each file of another kind that it would load is a refusal.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pov.base.errors import InvalidInput, Problem
from pov.base.paths import data
from pov.base.variables import TERRAFORM_DECIDES, TERRAFORM_SETTLES, TERRAFORM_TELLS
from pov.scoping.gate import Check, Refusal
from pov.steps.landing_zone.deal import BACKEND_FILE, WITH_STATE

ROOT = Path("targets", "local")
_MOST_FILES, _LARGEST = 200, 256 * 1024
_KEEPER = ("platform team",)
_GATE_ALONE = "variables come from the gate alone"
_ALL_ALONE = "variables, arguments and providers come from the gate alone"
_PLAIN = "plain files of Terraform, *.tf"
_LOADED: Mapping[str, tuple[str, str, str]] = {
    r"(terraform|.*\.auto)\.tfvars(\.json)?": ("sets variables", _GATE_ALONE, "take the file out"),
    r"(.*_)?override\.(tf|tofu)(\.json)?": ("overrides other files", _PLAIN, "change the file itself"),
    r".*\.tofu(\.json)?": ("is read by OpenTofu alone", "the same text for every program", "call it *.tf"),
    r".*\.tf\.json": ("is written as JSON", _PLAIN, "write it as one"),
}
"""What Terraform or OpenTofu would load as well, by the file's name: what it does, the limit, and the remedy."""
_OWN = {"stages", "quotas", "storage", "bounds", "scope", "iops_approval", "override"}
_WITHOUT_STATE = 'terraform {\n  backend "local" {}\n}\n'
_COPY = "terraform.tfstate"


@dataclass(frozen=True)
class Room:
    """Where the copy lies: the root module, and a folder for what Terraform writes; what must not be in a change."""

    root: Path
    work: Path
    files: tuple[Path, ...]
    refusals: tuple[Refusal, ...]


def furnish(folder: Path, change: Path | None) -> Room:
    """Copy the root module `change`, by default the toolkit's own, into `folder`, beside the toolkit's modules.

    Raises `InvalidInput` where that is no folder that holds one.
    """
    toolkit = data("terraform")
    source = change or toolkit / ROOT
    root = folder / ROOT
    root.mkdir(parents=True)
    for path in sorted((toolkit / "modules").rglob("*.tf")):
        target = folder / path.relative_to(toolkit)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    refusals, files = [], []
    for path in _entries(source):
        why = _refused(path)
        if why is not None:
            refusals.append(why)
        elif path.suffix == ".tf":
            files.append(root / path.name)
            shutil.copyfile(path, files[-1])
    if not files and not refusals:
        raise InvalidInput([Problem(str(source), "holds no file of Terraform (*.tf)", "name a root module's folder")])
    if change is not None:
        refusals += [*_other_modules(source, toolkit), *_remembered(source / ".terraform")]
    return Room(root, folder / "work", tuple(files), tuple(refusals))


def without_state(room: Room) -> None:
    """Have Terraform plan against nothing: no backend is asked."""
    (room.root / BACKEND_FILE).write_text(_WITHOUT_STATE)


def with_state(room: Room) -> None:
    """Have Terraform plan against the state of the landing zone that it is given access to."""
    (room.root / BACKEND_FILE).write_text(WITH_STATE)


def with_copy(room: Room, state: bytes) -> None:
    """Have Terraform plan against a state that lies beside it."""
    without_state(room)
    (room.root / _COPY).write_bytes(state)


def of_the_process(variables: Mapping[str, str]) -> Check:
    """Variables of the process by which an apply in the same job would be another than what is judged here.

    None reaches Terraform from here. Refused are those by which it would do something else; those that settle where
    providers come from, and any that nobody knows, are told as advice.
    """
    known = sorted(name for name, value in variables.items() if value and _is_terraforms(name))
    decide = [name for name in known if _decides(name)]
    told = tuple(Refusal(f"{name} is set in the environment", _ALL_ALONE, f"unset {name}", _KEEPER) for name in decide)
    ignored = (name for name in known if name not in {*decide, *TERRAFORM_TELLS})
    return Check("variables", told, tuple(map(_ignored, ignored)))


def _is_terraforms(name: str) -> bool:
    return name.startswith("TF_") or name in TERRAFORM_SETTLES


def _decides(name: str) -> bool:
    own = name.startswith("TF_VAR_") and name.removeprefix("TF_VAR_") in _OWN
    return own or name in TERRAFORM_DECIDES or name.startswith("TF_CLI_ARGS_")


def _ignored(name: str) -> Refusal:
    what = f"{name} is set in the environment: Terraform is not given it here, an apply in the same job would be"
    return Refusal(what, "", f"unset {name}")


def _entries(source: Path) -> Iterator[Path]:
    try:
        found = sorted(source.iterdir())
    except OSError as error:
        raise InvalidInput([Problem(str(source), str(error.strerror), "name a root module's folder")]) from error
    if len(found) > _MOST_FILES:
        raise InvalidInput([Problem(str(source), f"holds more than {_MOST_FILES} files", "is it the right folder?")])
    yield from found


def _refused(path: Path) -> Refusal | None:
    """Why a file must not lie there; None for a plain one, and for what Terraform does not load."""
    for pattern, (what, limit, fix) in _LOADED.items():
        if re.fullmatch(pattern, path.name):
            return Refusal(f"{path.name} {what}", limit, fix, _KEEPER)
    if not path.name.endswith(".tf"):
        return None
    if path.is_symlink() or not path.is_file():
        return Refusal(f"{path.name} is a link, or no file", _PLAIN, "put the file itself there", _KEEPER)
    if path.stat().st_size > _LARGEST:
        limit = f"{_LARGEST // 1024} KiB a file: what somebody can review"
        return Refusal(f"{path.name} is larger than that", limit, "split it", _KEEPER)
    return None


def _other_modules(source: Path, toolkit: Path) -> Iterator[Refusal]:
    """Modules that lie where the root module calls them, and are not the toolkit's: an apply would take them."""
    # As the path says, and as whoever stands in it sees it: the folder may be a link.
    roots = {Path(os.path.normpath(source.absolute())), source.resolve()}
    places = [root.parent.parent / "modules" for root in roots]
    others = [place for place in places if place.is_dir() and place.resolve() != (toolkit / "modules").resolve()]
    for name in sorted(path.name for path in (toolkit / "modules").iterdir()):
        own = _texts(toolkit / "modules" / name)
        if any(theirs and theirs != own for theirs in (_texts(place / name) for place in others)):
            limit = "the modules that judge do not come from what is under review"
            yield Refusal(f"the module {name} beside it is not the toolkit's", limit, "put it back", _KEEPER)


def _remembered(folder: Path) -> Iterator[Refusal]:
    """What lies where Terraform keeps what it remembers, and would have the next one here take another text or state.

    `terraform init` takes a module from the folder that its own record names, whatever the text says.
    """
    record = folder / "modules" / "modules.json"
    if record.is_file() and not _is_plain(record):
        what = ".terraform/modules/modules.json takes modules from elsewhere than the text says"
        yield Refusal(what, _PLAIN, "take the folder .terraform out", _KEEPER)
    chosen = folder / "environment"
    if chosen.is_file() and chosen.read_bytes()[:_LARGEST].strip() not in {b"", b"default"}:
        what = ".terraform/environment chooses another workspace"
        yield Refusal(what, "the state of the landing zone", "take the folder .terraform out", _KEEPER)


def _is_plain(record: Path) -> bool:
    """Whether every module lies where it is called from; no for what cannot be read."""
    try:
        modules = json.loads(record.read_bytes()[:_LARGEST])["Modules"]
        return all(not one["Key"] or os.path.normpath(one["Dir"]) == one["Source"] for one in modules)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _texts(folder: Path) -> dict[str, bytes]:
    endings = (".tf", ".tf.json", ".tofu", ".tofu.json")
    found = [path for path in folder.glob("*") if path.is_file() and path.name.endswith(endings)]
    return {path.name: path.read_bytes()[: _LARGEST + 1] for path in found[:_MOST_FILES]}
