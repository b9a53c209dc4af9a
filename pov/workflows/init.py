"""`pov init`: the engagement folder, with what is known and who said so, before anything is measured."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.errors import InvalidInput, PovError, Problem
from pov.base.files import obstacles, write_atomic
from pov.base.names import RULE, derive, is_name
from pov.config.engagement import FILE
from pov.config.references import absolute
from pov.config.scenario import Scenario, load_scenario
from pov.model.catalogue import STATED
from pov.model.events import Emit, Event
from pov.model.reading import is_text
from pov.reporting import lettering
from pov.workflows.environment import DEFAULT_SCENARIO
from pov.workflows.value_form import value_form

_NOBODY = "nobody: an example"


@dataclass(frozen=True)
class InitOptions:
    """`folder` is made; its last part names the engagement. `stated_by` is who is asked for the figures.

    With `example`, the figures are filled in, each marked as an example.
    """

    folder: Path
    scenario: str = DEFAULT_SCENARIO
    customer: str = ""
    stated_by: str = ""
    example: bool = False


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
    # Dots taken out, links left in: the folder has the name that was typed.
    folder = Path(os.path.abspath(options.folder))  # noqa: PTH100
    name = folder.name
    problems = []
    texts = {"--customer": options.customer, "--stated-by": options.stated_by}
    if not is_name(name):
        derived = derive(name)
        fix = RULE + (f", such as {derived}" if derived else "")
        problems.append(Problem("NAME", f"`{ascii(name)[1:-1]}` cannot name an engagement", fix))
    printable = {option: text for option, text in texts.items() if all(map(is_text, text))}
    problems += [
        Problem(option, "holds characters that cannot be printed", "type it anew")
        for option in texts
        if option not in printable
    ]
    # Only those: bytes that are no text, as of a name in another encoding, cannot even be looked up in a font.
    problems += lettering.problems(printable)
    contents = {FILE: "", "README.md": "", ".gitignore": ""}
    problems += obstacles(folder)
    problems += [
        Problem(str(folder / file), "exists already, and is not overwritten", "choose another name, or move it away")
        for file in contents
        if os.path.lexists(folder / file)
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
    reference = absolute(options.scenario, Path.cwd())
    stated_by = options.stated_by or (_NOBODY if options.example else "")
    lines = [
        "# What this proof of value is about. All keys: `pov scenarios schema engagement`.",
        "apiVersion: pov.dev/v1",
        "kind: Engagement",
        f"name: {name}",
        "customer:",
        f"  name: {_quoted(options.customer or name)}",
        '  industry: ""  # kept with every run, for the record',
        f"scenario: {_quoted(reference)}",
        "",
        "# The services under proof, out of the scenario's (`pov scenarios show NAME` lists them).",
        "proof:",
        "  stage: staging",
        "  services:",
        *(f"    - {service}" for service in scenario.pov_services),
        "",
        "# What the customer states. It stands beside what is measured, never in the same statistic.",
        *(_EXAMPLES if options.example else _EMPTY),
        "baseline:",
    ]
    for asked in STATED.values():
        lines += [
            f"  - id: {asked.name}",
            f"    figure: {_quoted(asked.figure)}",
            f"    value: {asked.example if options.example else 'null'}",
            f"    unit: {asked.unit}",
            "    origin: stated",
            f"    by: {_quoted(stated_by)}",
            f"    when: {today if options.example else 'null'}",
        ]
        lines += ["    example: true"] if options.example else []
        lines += [f"    experiment: {asked.experiment}"] if asked.experiment else []
    lines += ["", _PROPOSED, "criteria:"]
    lines = lines if scenario.criteria else [*lines[:-1], "criteria: []"]
    for criterion in scenario.criteria:
        lines += [
            f"  - id: {criterion.id}",
            f"    title: {_quoted(criterion.title)}",
            f"    experiment: {criterion.experiment}",
            f"    arm: {criterion.arm}",
            f"    metric: {criterion.metric}",
            f"    {'atMost' if criterion.at_most is not None else 'atLeast'}: {criterion.bound:g}",
            f"    agreedBy: {_quoted(criterion.agreed_by)}",
        ]
        lines += [f"    timeoutMs: {criterion.timeout_ms}"] if criterion.timeout_ms is not None else []
        lines += [f"    primaryAgainst: {criterion.primary_against}"] if criterion.primary_against else []
    lines += ["", *_TERMS]
    value = value_form(scenario, by=stated_by, today=today, example=options.example)
    return "\n".join([*lines, "", _BROUGHT]) + "\n\n" + value


_BROUGHT = (
    "# A script that does it as well can be measured as an arm (`arms`), and the customer's runbook instead\n"
    "# of the example (`runbooks`): docs/own-arm.md in the project's folder says how."
)
_PROPOSED = (
    "# The scenario's proposal: agree on it before anything is measured, and name who did in `agreedBy`, the day in\n"
    "# `agreedOn`: without a name the report says that nobody agreed. Each run keeps a copy."
)
_TERMS = (
    "# What else is agreed. `pov criteria sheet` prints it with the criteria, and leaves a line to fill in by hand for",
    "# what is missing; `pov criteria freeze` freezes both.",
    "terms:",
    "  owners: []  # such as {role: Decision, name: Ines Weber}",
    "  touches: []  # what is touched on the customer's side, an item each",
    '  stopRule: ""',
    "  decisionOn: null",
    '  ifPassed: ""',
    '  ifMissed: ""',
    "",
    "# Wishes outside what was agreed: the report has a page for them, and they are in no figure of it. Each such as",
    "# {id: second-region, title: A second region, by: Ines Weber, when: 2026-10-01, outside: one region was agreed}",
    "expansions: []",
)
_EMPTY = (
    "# Nobody has stated these yet: `value: null` is printed nowhere. Put in what was said, by whom, and when",
    "# (a date such as 2026-10-01), or take the figure out.",
)
_EXAMPLES = (
    "# EXAMPLES: nobody stated these figures, and the report says so. Replace each by what was said, by whom and",
    "# when, and take its `example` out.",
)


def _quoted(text: str) -> str:
    # A JSON string is a YAML string, whatever is in it.
    return json.dumps(text, ensure_ascii=False)


def _readme(name: str, scenario: Scenario) -> str:
    return f"""# {name}

A proof of value on the scenario `{scenario.name}`: {scenario.metadata.title}.

1. `{FILE}`: put in the customer, the figures that were stated, each with who stated it and when, the criteria as
   agreed, and under `value:` what the work costs today and what the platform would.
2. Then, in this folder:

   ```
   pov criteria sheet    the page to sign
   pov criteria freeze   what counts, fixed before anything is measured
   pov doctor            what this machine lacks
   pov up                the environment
   pov measure           the scenario's experiments, each arm
   pov report            the PDF
   pov verify            all of it computed again
   pov down              takes the environment away; runs and reports stay
   ```

Runs and reports lie in `.pov/`, beside secrets: that folder is not for Git.
"""
