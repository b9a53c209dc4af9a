from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pov.base.errors import InvalidInput
from pov.base.paths import data
from pov.config.scenario import load_scenario
from pov.experiments import EXPERIMENTS
from pov.experiments.gitops import POLL_S
from pov.measure.pace import AROUND_S, total
from pov.model.words import Words
from pov.state.runs import RunWriter
from pov.workflows.brought import Brought
from pov.workflows.measure import _paced, planned
from pov.workflows.measure_options import MeasureOptions
from pov.workflows.planning import PROFILES, Paced, budget, paced

PLAN = {("deploy", "automated"): 6, ("deploy", "manual"): 6, ("deploy", "automated-poll"): 1}
COSTS = {("deploy", "automated"): 30.0, ("deploy", "manual"): 20.0, ("deploy", "automated-poll"): 130.0}


def saved(runs: Path, *, simulated: bool = False) -> Path:
    writer = RunWriter(runs, {"simulated": simulated})
    for (experiment, arm), whole in COSTS.items():
        writer.append({"experiment": experiment, "arm": arm, "trial": 1, "details": {"whole_seconds": whole}})
    return writer.path


def looked_at(runs: Path, budget_s: float | None = None) -> Paced:
    return paced(PLAN, Brought().experiments, Words(), runs, budget_s)


def test_times_come_from_what_was_saved_here(tmp_path: Path) -> None:
    saved(tmp_path)
    plan = looked_at(tmp_path)
    assert {key: cost.seconds for key, cost in plan.each.items()} == COSTS
    assert plan.seconds == pytest.approx(6 * 30 + 6 * 20 + 130, abs=30)
    lines = list(plan.lines(Words()))
    assert "13 trials, about 7 min" in lines[0]
    assert "learnt" in lines[0]
    assert "6 x " in lines[1]


def test_without_a_trial_it_is_told_as_a_guess(tmp_path: Path) -> None:
    saved(tmp_path, simulated=True)
    plan = looked_at(tmp_path)
    assert all(cost.trials == 0 and cost.seconds > AROUND_S for cost in plan.each.values())
    assert "guessed, no trial was timed here yet" in next(plan.lines(Words()))
    assert {arm["learnt_from"] for arm in plan.as_json()["plan"]} == {0}


@pytest.mark.parametrize("experiment", ["deploy", "rotate"])
def test_an_arm_that_waits_for_a_poll_is_guessed_with_the_wait(tmp_path: Path, experiment: str) -> None:
    plan = {(experiment, "automated"): 1, (experiment, "automated-poll"): 1, (experiment, "placebo"): 1}
    each = paced(plan, Brought().experiments, Words(), tmp_path, None).each
    least, most = POLL_S
    wait = each[experiment, "automated-poll"].seconds - each[experiment, "automated"].seconds
    assert least <= wait <= most
    assert each[experiment, "placebo"] == each[experiment, "automated"], "a window is as long as a trial without it"


def test_a_guessed_wait_counts_in_the_budget(tmp_path: Path) -> None:
    """Three rounds of the two arms fit, with a poll that takes no longer than they do; with its wait they do not."""
    each = looked_at(tmp_path).each
    budget_s = looked_at(tmp_path).seconds - total(PLAN, each) + 3 * 2 * each["deploy", "manual"].seconds + 60
    plan = looked_at(tmp_path, budget_s)
    assert ("deploy", "automated-poll") not in plan.plan
    assert plan.seconds <= budget_s
    assert any("automated-poll is left out" in reason for reason in plan.left_out)


def test_the_polls_interval_is_the_one_that_argo_cd_is_set_to() -> None:
    settings = YAML(typ="safe").load(data("argocd", "install", "settings.yaml"))
    assert settings["configMaps"]["argocd-cm"]["timeout.reconciliation"] == f"{POLL_S[0]:.0f}s"


@pytest.mark.parametrize("record", ["{", '{"schema": "pov.dev/environment/v99"}'], ids=["damaged", "newer"])
def test_a_run_that_cannot_be_read_stops_nothing(tmp_path: Path, record: str) -> None:
    (saved(tmp_path) / "environment.json").write_text(record)
    assert all(cost.trials == 0 for cost in looked_at(tmp_path).each.values())


def test_a_budget_spares_variants_before_rounds_are_too_few(tmp_path: Path) -> None:
    saved(tmp_path)
    plan = looked_at(tmp_path, 240)
    assert ("deploy", "automated-poll") not in plan.plan
    assert plan.plan["deploy", "automated"] == plan.plan["deploy", "manual"] == 4
    assert plan.seconds <= 240
    assert len(plan.left_out) == 2


def test_a_budget_that_holds_no_round_is_refused_with_what_would_do(tmp_path: Path) -> None:
    saved(tmp_path)
    with pytest.raises(InvalidInput, match="60 s are too little: one round of deploy takes about"):
        looked_at(tmp_path, 60)
    assert looked_at(tmp_path, 120).plan, "what the refusal names would do"


@pytest.mark.parametrize(("text", "found"), [("20m", 1200.0), ("1h30m", 5400.0), ("90s", 90.0), (None, None)])
def test_budgets(text: str | None, found: float | None) -> None:
    assert budget(text, None) == found


@pytest.mark.parametrize("text", ["", "0s", "20", "soon", "-5m"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="--budget"):
        budget(text, None)


def test_a_given_budget_counts_more_than_the_profiles() -> None:
    stage = PROFILES["stage"]
    assert budget(None, stage) == stage.budget_s
    assert budget("10m", stage) == 600
    assert stage.budget_s is not None
    assert stage.budget_s < 360


def test_what_was_typed_is_what_a_refusal_names(tmp_path: Path) -> None:
    """More experiments than a profile has room for: it is the profile that is told, and what to do about it."""
    for more, named in ({"profile": "stage"}, "--profile stage"), ({"profile": "stage", "budget": "4m"}, "--budget 4m"):
        with pytest.raises(InvalidInput) as caught:
            _paced(MeasureOptions(tmp_path, **more), load_scenario("reference"), Brought(), tmp_path)
        (problem,) = caught.value.problems
        assert str(problem).startswith(f"{named}: ")
        assert problem.fix.endswith(f"pov measure NAME … {named}")


BUDGETS = [
    (readme.parent.name, tuple(names.split()), budget)
    for readme in sorted(data("scenarios").glob("*/README.md"))
    for names, budget in re.findall(r"pov measure ([^`]*?)--budget (\w+)", " ".join(readme.read_text().split()))
]


def test_some_readme_names_a_budget() -> None:
    assert BUDGETS


@pytest.mark.parametrize(("scenario", "experiments", "budget"), BUDGETS)
def test_a_budget_that_a_readme_names_fits_a_round_before_any_trial_has_told(
    tmp_path: Path, scenario: str, experiments: tuple[str, ...], budget: str
) -> None:
    options = MeasureOptions(tmp_path, experiments=experiments, budget=budget)
    plan = _paced(options, load_scenario(scenario), Brought(), tmp_path)[0].plan
    assert {name for name, _ in plan} == {name for name, _ in planned(options, load_scenario(scenario))[0]}


def test_what_the_reference_says_of_its_plan_is_so(tmp_path: Path) -> None:
    """Trials, the guess of their time, and what is left out, as its README has them."""
    reference = load_scenario("reference")
    plan, _ = planned(MeasureOptions(tmp_path), reference)
    guessed = paced(plan, EXPERIMENTS, Words(), tmp_path, None)
    said = " ".join((data("scenarios") / "reference" / "README.md").read_text().split())
    assert f"These are {guessed.trials} trials" in said
    assert f"`pov measure --plan` guesses {guessed.seconds / 60:.0f} before any trial has told" in said
    left_out = [name for name in EXPERIMENTS if name not in {one.name for one in reference.experiments}]
    assert left_out
    assert f"`pov measure {' '.join(left_out)}`" in said
    first_page = " ".join((data("scenarios").parent / "README.md").read_text().split())
    assert (
        f"lists all of them but {', '.join(f'`{name}`' for name in left_out[:-1])} and `{left_out[-1]}`" in first_page
    )
