"""`pov init`: the engagement folder, with what is known and who said so, before anything is measured."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.errors import InvalidInput, PovError, Problem
from pov.base.files import write_atomic
from pov.config.engagement import FILE
from pov.config.scenario import Scenario, load_scenario
from pov.model.events import Emit, Event

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?")
_STATED = (
    ("deploy-minutes", "Deploy of one service, by hand", "45", "min", "deploy"),
    ("maintenance-hours", "Maintenance of the whole estate", "32", "h/week", ""),
    ("certificate-hours", "Tracking of certificates' expiry dates", "4", "h/month", ""),
    ("certificate-incidents", "Production incidents from expired certificates", "3", "a year", ""),
)


@dataclass(frozen=True)
class InitOptions:
    """`folder` is made; its last part names the engagement. `stated_by` is who gave the figures."""

    folder: Path
    scenario: str = "gitops-35"
    customer: str = ""
    stated_by: str = ""


@dataclass(frozen=True)
class InitResult:
    """The folder and the files written into it."""

    folder: Path
    files: tuple[Path, ...]

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        return {"folder": str(self.folder), "files": [str(path) for path in self.files]}


def run(options: InitOptions, emit: Emit, *, clock: Clock = SYSTEM_CLOCK) -> InitResult:
    """Write the folder. Raises `InvalidInput` if one of its files exists already: nothing is ever overwritten."""
    folder = options.folder.absolute()
    name = folder.name
    problems = []
    if not _NAME.fullmatch(name):
        fix = "lower-case letters, digits and dashes, at most 30, with a letter first"
        problems.append(Problem("NAME", f"`{name}` cannot name an engagement", fix))
    problems += [
        Problem(option, "holds characters that cannot be printed", "type it anew")
        for option, text in (("--customer", options.customer), ("--stated-by", options.stated_by))
        if not text.isprintable()
    ]
    contents = {FILE: "", "README.md": "", ".gitignore": ""}
    problems += [
        Problem(str(folder / file), "exists already, and is not overwritten", "choose another name, or move it away")
        for file in contents
        if (folder / file).exists()
    ]
    if problems:
        raise InvalidInput(problems)
    scenario = load_scenario(options.scenario)
    contents[FILE] = _engagement(name, options, scenario, f"{clock.wall():%Y-%m-%d}")
    contents["README.md"] = _readme(name, scenario)
    contents[".gitignore"] = "# What environments keep here: secrets, runs, reports.\n.pov/\n"
    try:
        # The engagement file comes last: its presence is what makes the folder one.
        for file in reversed(contents):
            write_atomic(folder / file, contents[file])
    except OSError as error:
        fix = "choose a folder that can be written, with some space"
        raise PovError(f"cannot write {folder}", cause=str(error), fix=fix) from error
    emit(Event("note", "init", f"engagement {name} in {folder}"))
    return InitResult(folder, tuple(folder / file for file in contents))


def _engagement(name: str, options: InitOptions, scenario: Scenario, today: str) -> str:
    shipped = "/" not in options.scenario and not options.scenario.endswith((".yaml", ".yml"))
    reference = options.scenario if shipped else str(Path(options.scenario).absolute())
    stated_by = _quoted(options.stated_by or "to be confirmed by name")
    lines = [
        "# What this proof of value is about. All keys: `pov scenarios schema engagement`.",
        "apiVersion: pov.dev/v1",
        "kind: Engagement",
        f"name: {name}",
        "customer:",
        f"  name: {_quoted(options.customer or name)}",
        '  industry: ""',
        f"scenario: {_quoted(reference)}",
        "",
        "# The services under proof, out of the scenario's (`pov scenarios show NAME` lists them).",
        "proof:",
        "  stage: staging",
        "  services:",
        *(f"    - {service}" for service in scenario.pov_services),
        "",
        "# What the customer states. It stands beside what is measured, never in the same statistic.",
        "# The figures are the reference engagement's: replace them, and say who stated each, and when.",
        "baseline:",
    ]
    for identity, figure, value, unit, experiment in _STATED:
        lines += [
            f"  - id: {identity}",
            f"    figure: {_quoted(figure)}",
            f"    value: {value}",
            f"    unit: {unit}",
            "    origin: stated",
            f"    by: {stated_by}",
            f"    when: {today}",
        ]
        lines += [f"    experiment: {experiment}"] if experiment else []
    lines += ["", "# Agreed before anything is measured; each run keeps a copy of them.", "criteria:"]
    lines = lines if scenario.criteria else [*lines[:-1], "criteria: []"]
    for criterion in scenario.criteria:
        lines += [
            f"  - id: {criterion.id}",
            f"    title: {_quoted(criterion.title)}",
            f"    experiment: {criterion.experiment}",
            f"    arm: {criterion.arm}",
            f"    metric: {criterion.metric}",
            f"    atMost: {criterion.at_most:g}",
        ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    # A JSON string is a YAML string, whatever is in it.
    return json.dumps(text, ensure_ascii=False)


def _readme(name: str, scenario: Scenario) -> str:
    return f"""# {name}

A proof of value on the scenario `{scenario.name}`: {scenario.metadata.title}.

1. `{FILE}`: put in the customer, who stated which figure and when, and the criteria as agreed.
2. Then, in this folder:

   ```
   pov doctor     what this machine lacks
   pov up         the environment
   pov measure    deploy and rotate, each arm
   pov report     the PDF
   pov down       nothing left but runs and reports
   ```

Runs and reports lie in `.pov/`, beside secrets: that folder is not for Git.
"""
