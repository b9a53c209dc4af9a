"""An experiment or an arm is known by its name in the catalogue and in `pov/experiments` alone.

What a room has to know of one, the catalogue tells it as data: kinds of arms, options, whose work is done, its section.
"""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

from pov import __file__ as package
from pov.cli.measure import command
from pov.config.experiments import Experiment as Settings
from pov.experiments.toolbox import Toolbox
from pov.model import catalogue
from pov.reporting.sections import SECTIONS
from pov.reporting.standalone import known as known_room
from pov.reporting.standalone.known import APART, ON_PLATFORM, POINTS, UPKEEP
from pov.reporting.standalone.shapes import ENVIRONMENT
from pov.workflows.measure_options import MeasureOptions

ROOT = Path(package).parent
NAMES = {*catalogue.EXPERIMENTS, *catalogue.ARMS}
KNOW = ("model/catalogue.py", "experiments/", "reporting/standalone/")
"""Those that may; the verifier that goes with a report imports nothing of `pov`, and so has what it needs in itself."""
MEAN = {
    "kinds of arms, which arms of the same name are of": {
        (kind, "model/kinds.py") for kind in ("automated", "manual", "person", "placebo")
    },
    "how work or a run ended": {
        ("interrupted", where)
        for where in (
            "bundle/builder.py", "cli/main.py", "measure/schema.py", "model/sample.py", "reporting/facts.py",
            "state/ledger.py", "state/runs.py", "steps/vault/pod.py", "workflows/measuring.py",
            "workflows/resuming.py", "workflows/runs.py",
        )
    },
    "where a figure comes from, whom a count counts, what a trial noted of whoever sat there": {
        ("person", where)
        for where in (
            "config/inputs.py", "measure/people.py", "measure/results.py", "model/reading.py",
            "reporting/sections/people.py",
        )
    },
    "windows that a count counts, a key of the summary, what runs of version 1 called otherwise": {
        ("placebo", where)
        for where in (
            "measure/summary.py", "model/reading.py", "reporting/sections/experiments.py",
            "reporting/sections/footprint.py",
        )
    },
    "a key of Kubernetes' volumes, of Gitea's hooks, of Vault's seal; the mount of Vault's secrets": {
        ("secret", where)
        for where in (
            "engines/gitea.py", "engines/vault.py", "steps/argocd/manifest.py", "steps/gate/job.py",
            "steps/legacy/estate.py", "steps/services/prober.py", "steps/vault/credentials.py",
            "steps/vault/server.py",
        )
    },
    "a mode of Kubernetes' pod security, a key of Vault's layout": {
        ("audit", where)
        for where in (
            "steps/confined.py", "steps/vault/layout.py",
        )
    },
    "what a trial notes: from which release to which": {("upgrade", "reporting/sections/upkeep.py")},
    "Argo CD's key of a policy": {
        ("automated", where) for where in ("engines/argocd.py", "workflows/controls/changes.py")
    },
    "a section's own id, under which old reports have it": {
        (name, f"reporting/sections/{name}.py") for name in ("audit", "drift")
    },
}  # fmt: skip
"""What else the same words mean, and where."""
LEAVES = {(name, "workflows/taking_back.py") for name in ("new_stage", "upgrade")}
"""A killed trial of these leaves what is no version in Git, a stage or a release: who takes back asks them."""
SAID = {
    "a killed trial of it left its stage, and whoever finds that says whose it is": {
        ("new-stage", where)
        for where in (
            "workflows/differences.py", "workflows/taking_back.py",
        )
    },
    "its stage, which no scenario can have, and which is taken out of Vault where a killed trial left it": {
        ("new-stage", where)
        for where in (
            "config/estates.py", "steps/vault/layout.py",
        )
    },
    "a key of the summary, whose schema spells it out": {("negative-control", "measure/schema.py")},
}  # fmt: skip
"""Who says one's name in a sentence, or in a name of the code, and why. No other room does."""
PLAIN = sorted((name for name in NAMES if "-" not in name), key=len, reverse=True)
MADE_UP = sorted((name for name in NAMES if "-" in name), key=len, reverse=True)
IN_A_SENTENCE = re.compile(
    rf"(?<![\w-])(?P<any>{'|'.join(MADE_UP)})(?![\w-])"
    rf"|(?:`|--arm |pov measure |\b(?:arms?|experiments?):? |\btrials? of )(?P<led>{'|'.join(PLAIN)})(?![\w-])"
    rf"|(?<![\w-])(?P<followed>{'|'.join(PLAIN)})(?:`| arms?\b)"
)
"""A name that is no English word (`new-stage`), anywhere; one that is (`person`), where it is written as a name."""


def _trees() -> list[tuple[str, ast.Module]]:
    found = [(path.relative_to(ROOT).as_posix(), path) for path in sorted(ROOT.rglob("*.py"))]
    return [(where, ast.parse(path.read_text())) for where, path in found if not where.startswith(KNOW)]


TREES = _trees()


def _literals(tree: ast.Module) -> set[str]:
    """Texts of a module that are more than docstrings."""
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in said]
    return {node.value for node in constants if isinstance(node.value, str)}


def _in_sentences(tree: ast.Module) -> set[str]:
    """Names that stand in a longer text; whole ones `_literals` finds."""
    texts = _literals(tree) - NAMES
    return {next(filter(None, match.groups())) for text in texts for match in IN_A_SENTENCE.finditer(text)}


def _in_code(tree: ast.Module) -> set[str]:
    """Names that the code has for something of its own, as far as they are no English words: `NEW_STAGE`."""
    called = {
        name
        for node in ast.walk(tree)
        for key in ("id", "attr", "name", "arg", "asname")
        if isinstance(name := getattr(node, key, None), str)
    }
    return {name.strip("_").lower().replace("_", "-") for name in called} & set(MADE_UP)


def _imported(tree: ast.Module) -> set[str]:
    """Modules of experiments, by their last name."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {match[1] for name in found if (match := re.fullmatch(r"pov\.experiments\.(\w+)", name))}


def test_no_room_knows_an_experiment_or_an_arm_by_its_name() -> None:
    found = {(text, where) for where, tree in TREES for text in _literals(tree) & NAMES}
    assert found == set().union(*MEAN.values())


def test_no_room_says_an_experiment_or_an_arm_by_its_name() -> None:
    found = {(name, where) for where, tree in TREES for name in _in_sentences(tree) | _in_code(tree)}
    assert found == set().union(*SAID.values())


def test_no_room_imports_an_experiment_by_its_name() -> None:
    modules = {name.replace("-", "_") for name in catalogue.EXPERIMENTS}
    found = {(module, where) for where, tree in TREES for module in _imported(tree) & modules}
    assert found == LEAVES


def test_the_scan_finds_what_it_looks_for() -> None:
    tree = ast.parse(
        '"""deploy"""\nfrom pov.experiments import rotate\nfrom pov.experiments.drift import x\nA = "manual"\n'
    )
    assert _literals(tree) & NAMES == {"manual"}
    assert {"rotate", "drift"} <= _imported(tree)
    assert _in_code(ast.parse("_NEW_STAGE = 1\ndef infra_change(): ...\nbox.audit(person)")) == {
        "new-stage",
        "infra-change",
    }


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a trial of new-stage is there", {"new-stage"}),
        ("--arm person", {"person"}),
        ("the automated arm", {"automated"}),
        ("where `interrupted` kills it", {"interrupted"}),
        ("{experiment: deploy, arm: scripted}", {"deploy", "scripted"}),
        ("a person was interrupted at an audit", set()),
        ("a trial of automated-poll", {"automated-poll"}),
        ("a no-placebo-at-all", set()),
    ],
)
def test_a_name_in_a_sentence_is_found(text: str, names: set[str]) -> None:
    tree = ast.parse(f'"""the automated arm"""\nA = f"{{x}}" {text!r}')
    assert _in_sentences(tree) == names


@pytest.mark.parametrize("name", catalogue.OPTIONS)
def test_an_option_is_configured_asked_for_recorded_and_given_to_trials(name: str) -> None:
    option = catalogue.OPTIONS[name]
    assert option.experiment in catalogue.EXPERIMENTS
    assert name in Settings.model_fields
    assert name in {one.name for one in fields(MeasureOptions)}
    assert option.recorded in {one.name for one in fields(Toolbox)}
    assert option.flag in {flag for parameter in command.params for flag in parameter.opts}
    assert f"{option.recorded}?" in ENVIRONMENT["choices?"]
    usual = option.figure(None)
    assert usual is not None
    assert option.least <= usual <= option.most


@pytest.mark.parametrize(
    ("said", "figure"),
    [(None, 50), ("early", 10), ("35%", 35), ("05%", 5), ("often", None), ("٥٠%", None), ("", None), (20, 20)],
)
def test_a_point_is_a_number(said: str | None, figure: int | None) -> None:
    assert catalogue.AT.figure(said) == figure


def test_what_an_experiment_says_of_others_is_there() -> None:
    ids = {section.id for section in SECTIONS}
    for experiment in catalogue.EXPERIMENTS.values():
        assert not experiment.section or experiment.section in ids, experiment.name
        assert not experiment.work_of or catalogue.EXPERIMENTS[experiment.work_of].own, experiment.name
        assert not experiment.work_of or experiment.own, experiment.name


def test_the_verifier_knows_of_itself_what_the_catalogue_says() -> None:
    assert catalogue.told_in(UPKEEP) == ON_PLATFORM
    assert catalogue.AT.points == POINTS
    assert catalogue.ERROR_RATE.usual == known_room.ERROR_RATE
    assert {arm.kind for arm in catalogue.ARMS.values() if arm.apart} == APART
