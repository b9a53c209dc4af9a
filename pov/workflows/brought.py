"""What is brought to be measured: arms as scripts, customers' runbooks. Found and checked before any change."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pov.base.errors import InvalidInput, Problem
from pov.base.paths import data
from pov.config.engagement import FILE, Engagement
from pov.config.own import CustomerRunbook, OwnArm, no_such_arm, taking_own, with_own_work
from pov.config.playbook import read_playbook
from pov.config.units import seconds
from pov.engines.ansible_syntax import syntax_faults
from pov.experiments import EXPERIMENTS
from pov.experiments.brought import Digested, OwnScript
from pov.experiments.core import Experiment
from pov.model.catalogue import ARMS
from pov.model.kinds import SCRIPT, Arm
from pov.model.words import Words

# The first bytes of what a system can start: a script that names its interpreter, programs of Linux and macOS.
_STARTABLE = (b"#!", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
_LOOKS = (("square", "#1f7a5c"), ("triangle", "#b03a5b"), ("diamond", "#5d6b1f"), ("ring", "#444a52"))
_EXAMPLE = "mock_services/legacy/runbooks"


@dataclass(frozen=True)
class Own:
    """An arm of one's own: its words, its script, the experiments that it takes part in, and where it was named."""

    arm: Arm
    script: OwnScript
    experiments: tuple[str, ...]
    origin: str


@dataclass(frozen=True)
class Brought:
    """Everything that was brought to one run."""

    arms: tuple[Own, ...] = ()
    runbooks: Mapping[str, tuple[CustomerRunbook, Digested]] = field(default_factory=dict)

    @property
    def words(self) -> Words:
        """The catalogue with the arms among its own."""
        return Words().with_arms(own.arm for own in self.arms)

    @property
    def experiments(self) -> Mapping[str, Experiment]:
        """Every experiment, with the ways of the arms that take part in it."""
        found: dict[str, Experiment] = dict(EXPERIMENTS)
        for own in self.arms:
            for name in own.experiments:
                make = found[name].own
                assert make is not None
                found[name] = replace(found[name], arms={**found[name].arms, own.arm.name: make(own.script)})
        return found

    @property
    def playbooks(self) -> Mapping[str, Digested]:
        """The customer's runbooks by experiment."""
        return {name: file for name, (_, file) in self.runbooks.items()}

    def as_json(self) -> dict[str, Any]:
        """What a run records of it."""
        return {
            "own_arms": [
                {
                    "name": own.arm.name,
                    "experiments": list(own.experiments),
                    "command": list(own.script.argv),
                    "time_limit_s": own.script.limit_s,
                    "seen_within_s": own.script.seen_s,
                    "digest": own.script.file.digest,
                    "origin": own.origin,
                }
                for own in self.arms
            ],
            "runbooks": {name: self._runbook(name) for name in with_own_work()},
        }

    def _runbook(self, experiment: str) -> dict[str, str]:
        if experiment not in self.runbooks:
            return {"origin": "example", "path": f"{_EXAMPLE}/{experiment}.yml", "digest": _example(experiment).digest}
        given, file = self.runbooks[experiment]
        told = {"by": given.by, "when": given.when.isoformat()}
        return {"origin": "customer", "path": given.path, "digest": file.digest, **told}


def brought(engagement: Engagement | None, folder: Path | None, arms: Sequence[str]) -> tuple[Brought, tuple[str, ...]]:
    """What the engagement in `folder` brings and what `arms` name (`NAME` or `NAME=FILE`); and all of `arms`' names.

    Raises `InvalidInput` with all faults of files that are not there or cannot be what they are said to be.
    """
    problems: list[Problem] = []
    wanted: list[tuple[OwnArm, Path, str]] = []
    books: dict[str, tuple[CustomerRunbook, Digested]] = {}
    if engagement is not None and folder is not None:
        wanted += [(arm, folder, str(folder / FILE)) for arm in engagement.arms]
        for book in engagement.runbooks:
            try:
                books[book.experiment] = (book, _checked(folder / book.path))
            except InvalidInput as error:
                problems += error.problems
    names = []
    for text in arms:
        name, given, path = text.partition("=")
        names.append(name)
        if given:
            arm = _typed(name, path, [known.name for known, _, _ in wanted], problems)
            wanted += [(arm, Path.cwd(), "--arm")] if arm is not None else []
    found = []
    for index, (arm, base, origin) in enumerate(wanted):
        file = base / arm.command[0]
        if fault := _fault(file):
            problems.append(Problem(origin, f"arm {arm.name}: {file} {fault[0]}", fault[1]))
            continue
        mark, colour = _LOOKS[index % len(_LOOKS)]
        data = Arm(
            arm.name,
            arm.label,
            arm.note,
            kind=SCRIPT,
            legacy=True,
            mark=mark,
            colour=colour,
            spoken=arm.label,
        )
        argv = (str(file.absolute()), *arm.command[1:])
        limit_s, seen_s = float(seconds(arm.time_limit)), float(seconds(arm.seen_within))
        script = OwnScript(argv, base.absolute(), limit_s, Digested.of(file.absolute()), seen_s)
        found.append(Own(data, script, tuple(dict.fromkeys(arm.experiments)), "--arm" if origin == "--arm" else FILE))
    if problems:
        raise InvalidInput(problems)
    return Brought(tuple(found), books), tuple(dict.fromkeys(names))


def unknown_arms(names: Sequence[str], experiments: Mapping[str, Experiment]) -> list[Problem]:
    """A problem for each name that no arm has, with the nearest one that there is."""
    known = tuple(dict.fromkeys(arm for experiment in experiments.values() for arm in experiment.arms))
    return [
        Problem("--arm", f"{name} is no way of doing it", "leave it out: it stands beside every arm by itself")
        if (arm := ARMS.get(name)) is not None and (arm.window or arm.again)
        else Problem("--arm", f"no arm `{name}`", no_such_arm(name, known))
        for name in names
        if name not in known
    ]


def _typed(name: str, path: str, known: Sequence[str], problems: list[Problem]) -> OwnArm | None:
    """An arm out of `--arm NAME=FILE`."""
    if name in known:
        problems.append(Problem("--arm", f"there is an arm {name} already", "choose another name"))
        return None
    try:
        return OwnArm.model_validate({"name": name, "label": name, "command": [path], "experiments": taking_own()})
    except ValidationError as error:
        # The first alone: what else is wrong follows from it.
        item = error.errors()[0]
        inner = getattr(item.get("ctx", {}).get("error"), "faults", ())
        told = inner[0][1:] if inner else (f"{name}={path}: no arm by that name and file", "--arm mine=./deploy.sh")
        problems.append(Problem("--arm", *told))
        return None


def _fault(file: Path) -> tuple[str, str] | None:
    """Why a file cannot be started, and what to do about it; None if it can."""
    try:
        if not file.exists():
            return "is not there", "check the path: it starts at the folder of the file that names it"
        if not file.is_file():
            return "is no file", "name the script itself"
        with file.open("rb") as stream:
            first = stream.read(4)
    except (OSError, ValueError) as error:
        return f"cannot be read: {getattr(error, 'strerror', error)}", "check the path"
    if not os.access(file, os.X_OK):
        return "is not executable", f"chmod +x {file}"
    if not first.startswith(_STARTABLE):
        return "does not say what it is run by", "begin it with `#!/usr/bin/env bash`"
    return None


def _checked(path: Path) -> Digested:
    """A runbook that can be run: it has steps, and Ansible knows the kind of each."""
    absolute = path.absolute()
    book = read_playbook(absolute)
    faults = syntax_faults(book.path, book.parts)
    if faults:
        fix = "mend the step: of what kind may it be, `ansible-doc -l` lists"
        raise InvalidInput([Problem(where, message, fix) for where, message in faults])
    return Digested.of(absolute, book.parts)


def _example(experiment: str) -> Digested:
    path = data(*_EXAMPLE.split("/"), f"{experiment}.yml")
    return Digested.of(path, read_playbook(path).parts)
