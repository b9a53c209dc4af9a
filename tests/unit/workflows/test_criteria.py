"""Criteria first: a sheet to sign, criteria frozen and committed, countersigned, and runs that are held to them."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pypdf
import pytest

from pov.base.errors import InvalidInput, NotFound, PovError
from pov.base.paths import data
from pov.config.engagement import load_engagement
from pov.config.scenario import load_scenario
from pov.engines import ssh
from pov.model.events import Event, silent
from pov.model.words import Words
from pov.reporting import sheet
from pov.state import frozen as store
from pov.state import ledger
from pov.state.home import KEPT
from pov.workflows import criteria, init
from pov.workflows.agreement import agreed
from pov.workflows.countersigning import CRITERIA, Lists, Signed, moment, verified_by
from pov.workflows.measure import planned
from pov.workflows.measure_options import MeasureOptions
from pov.workflows.standing import Meant, standing
from tests.unit.reporting import simulated

SCENARIOS = data("scenarios")
TERMS = """
terms:
  owners:
    - {role: Decision, name: Ines Weber}
    - {role: Measuring, name: A. Seller}
  touches: [A clone of one repository]
  stopRule: After the planned trials
  decisionOn: 2026-12-11
  ifPassed: Five services of their own follow
  ifMissed: It ends
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An engagement folder as `pov init` leaves it."""
    init.run(init.InitOptions(tmp_path / "acme", customer="Acme Payments"), silent)
    return tmp_path / "acme"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The buyer's key."""
    made = ssh.make_key("buyer")
    path = tmp_path / "buyer.key"
    path.write_text(made.private.reveal())
    path.chmod(0o600)
    return path


def change(root: Path, old: str, new: str) -> None:
    """Edit the engagement file."""
    file = root / "engagement.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def agree(root: Path) -> None:
    """Fill the engagement file's terms in."""
    text = (root / "engagement.yaml").read_text()
    (root / "engagement.yaml").write_text(text[: text.index("\nterms:")] + TERMS)


def stand(root: Path, options: Mapping[str, Any] | None = None, **more: Any) -> Any:
    """How a run would stand that began now, by what is given on the command line."""
    engagement = load_engagement(root)
    scenario = load_scenario(engagement.scenario).with_under_proof(engagement.proof.services)
    plan, _ = planned(MeasureOptions(root, **dict(options or {})), scenario)
    return standing(root, scenario, engagement, Meant(plan), **more)


def log(root: Path) -> list[str]:
    """The subjects of the folder's commits, newest first."""
    argv = ["git", "-C", root, "log", "--format=%s"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()


def test_criteria_are_frozen_and_committed_and_the_same_again_changes_nothing(root: Path) -> None:
    first = criteria.run_freeze(root, "", silent)
    assert first.changed
    assert first.digest == hashlib.sha256((root / store.FILE).read_bytes()).hexdigest()
    show = ["git", "-C", root, "show", f"{first.commit}:{store.FILE}"]
    assert subprocess.run(show, capture_output=True, check=True).stdout == (root / store.FILE).read_bytes()
    assert log(root) == ["Freeze the criteria of acme"]
    again = criteria.run_freeze(root, "", silent)
    assert (again.changed, again.digest, again.commit) == (False, first.digest, first.commit)


def test_freezing_the_same_again_commits_no_other_edit_and_tells_the_commit_that_holds_it(root: Path) -> None:
    first = criteria.run_freeze(root, "", silent)
    with (root / "engagement.yaml").open("a") as file:
        file.write("# a note that is not agreed on\n")
    assert criteria.run_freeze(root, "", silent).commit == first.commit
    assert len(log(root)) == 1
    argv = ["git", "-C", root, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qam", "theirs"]
    subprocess.run(argv, check=True)
    again = criteria.run_freeze(root, "", silent)
    assert (again.changed, again.commit) == (False, first.commit)


def test_a_freeze_that_was_cut_short_before_its_commit_is_committed_with_its_reason(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    criteria.run_freeze(root, "", silent)
    change(root, "atMost: 180", "atMost: 300")

    def killed(*arguments: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pov.engines.history.commit", killed)
        with pytest.raises(KeyboardInterrupt):
            criteria.run_freeze(root, "a slower network", silent)
    made = criteria.run_freeze(root, "", silent)
    assert not made.changed
    assert log(root)[0] == "Freeze the criteria of acme again: a slower network"
    show = ["git", "-C", root, "show", f"{made.commit}:{store.FILE}"]
    assert subprocess.run(show, capture_output=True, check=True).stdout == (root / store.FILE).read_bytes()


def test_in_somebodys_repository_nothing_else_is_committed(root: Path) -> None:
    git = ["git", "-C", root, "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    (root / "theirs").write_text("not ours")
    subprocess.run([*git, "add", "theirs"], check=True)
    criteria.run_freeze(root, "", silent)
    status = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    assert "A  theirs" in status
    tree = subprocess.run([*git, "ls-tree", "--name-only", "HEAD"], capture_output=True, text=True, check=True).stdout
    assert tree.split() == [store.FILE, "engagement.yaml"]


def test_other_criteria_are_refused_unless_somebody_says_why(root: Path, key: Path) -> None:
    criteria.run_freeze(root, "", silent)
    criteria.run_sign(root, key, "ines@acme.example", silent)
    change(root, "atMost: 180", "atMost: 300")
    with pytest.raises(InvalidInput) as caught:
        criteria.run_freeze(root, "", silent)
    assert "criteria[deploy-time].at_most: frozen as 180.0, now 300.0" in caught.value.message
    assert "--because" in caught.value.fix
    again = criteria.run_freeze(root, "their network is slower", silent)
    assert again.number == 2
    assert log(root)[0] == "Freeze the criteria of acme again: their network is slower"
    assert store.signatures(root) == {}, "a signature holds for what it was made over"
    assert (root / "criteria.frozen.1.json.ines@acme.example.sig").is_file()
    document = json.loads((root / store.FILE).read_bytes())["frozen"]
    assert document["before"] == hashlib.sha256((root / "criteria.frozen.1.json").read_bytes()).hexdigest()


@pytest.mark.parametrize(("day", "refused"), [("2026-03-11", True), ("2026-03-08", False)])
@pytest.mark.parametrize("command", ["sheet", "freeze"])
def test_a_day_that_is_still_to_come_is_neither_printed_to_sign_nor_frozen(
    root: Path, command: str, day: str, refused: bool
) -> None:
    change(root, 'agreedBy: ""', f"agreedBy: Ines Weber\n    agreedOn: {day}")
    change(root, "when: null", f"when: {day}")
    clock = simulated.TickingClock()
    run = partial(criteria.run_sheet, root) if command == "sheet" else partial(criteria.run_freeze, root, "")
    if not refused:
        assert run(silent, clock=clock)
        return
    with pytest.raises(InvalidInput) as caught:
        run(silent, clock=clock)
    lines = (root / "engagement.yaml").read_text().splitlines()
    for problem in caught.value.problems:
        assert lines[int(problem.where.rpartition(":")[2]) - 1].strip().endswith(f": {day}")
        assert f"{day} is still to come" in problem.message
    assert {problem.message.partition(".")[0] for problem in caught.value.problems} == {"criteria", "baseline"}


def test_nothing_to_freeze_is_told(root: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no engagement folder"):
        criteria.run_freeze(tmp_path, "", silent)
    scenario = tmp_path / "bare"
    scenario.mkdir()
    text = (SCENARIOS / "quickstart" / "scenario.yaml").read_text()
    (scenario / "scenario.yaml").write_text(text[: text.index("criteria:")])
    init.run(init.InitOptions(tmp_path / "bare-one", scenario=str(scenario)), silent)
    with pytest.raises(InvalidInput, match="no criteria"):
        criteria.run_freeze(tmp_path / "bare-one", "", silent)


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": "pov.dev/criteria/v9", "frozen": {}, "agreed": {}}'])
def test_a_broken_freeze_is_told_with_the_way_back(root: Path, content: str) -> None:
    criteria.run_freeze(root, "", silent)
    (root / store.FILE).write_text(content)
    with pytest.raises(PovError) as caught:
        criteria.run_freeze(root, "", silent)
    assert store.FILE in caught.value.message
    assert caught.value.fix


def test_the_sheet_is_one_page_with_everything_that_was_agreed(root: Path) -> None:
    agree(root)
    result = criteria.run_sheet(root, silent)
    (page,) = pypdf.PdfReader(result.path).pages
    text = " ".join(page.extract_text().split())
    for said in (
        *("Acme Payments", "at most 180", "Ines Weber", "A clone of one repository", "After the planned trials"),
        "Primary comparisons, by time: automated against the runbook in deploy and rotate. They alone have a p",
        *("2026-12-11", "Five services of their own follow", "It ends", "not shown", "tell the arms apart"),
    ):
        assert said in text
    assert result.agreement in text.replace(" ", "")
    assert result.agreement == criteria.run_freeze(root, "", silent).agreement
    assert all(point.startswith("criteria.") for point in result.open_points), "nobody agreed to a criterion yet"


def test_the_sheet_says_what_outlives_the_environment_and_what_removes_it(root: Path) -> None:
    page = pypdf.PdfReader(criteria.run_sheet(root, silent).path).pages[0]
    text = " ".join(page.extract_text().split())
    assert "All of it goes" not in text
    for said in (
        *KEPT.values(),
        "pov down --images",
        "rm -r ~/.cache/pov",
        "rm -r .pov",
        "that it pulled stay",
        "the frozen criteria",
    ):
        assert said in text


ONE = {"name": "deploy", "trials": 3, "arms": ["automated", "manual", "scripted"]}
AGAINST = {"experiment": "deploy", "arm": "automated", "primary_against": "scripted"}


@pytest.mark.parametrize(
    ("experiments", "criteria_", "told"),
    [
        ([ONE], [], "automated against the runbook in deploy"),
        ([ONE], [AGAINST], "automated against a good script in deploy"),
        ([ONE, {**ONE, "name": "rotate"}], [AGAINST],
         "automated against a good script in deploy; automated against the runbook in rotate"),
        ([{**ONE, "arms": ["automated"]}], [], ""),
        ([{**ONE, "name": "audit"}], [], ""),  # its arms are judged by right answers
    ],
)  # fmt: skip
def test_the_sheet_names_the_primary_comparisons(
    experiments: list[dict[str, Any]], criteria_: list[dict[str, Any]], told: str
) -> None:
    agreed_ = {"criteria": criteria_, "experiments": experiments}
    assert sheet.document(agreed_, "0" * 64, "2026-03-01")["primary"] == told


@pytest.mark.parametrize("name", sorted(path.parent.name for path in SCENARIOS.glob("*/scenario.yaml")))
def test_shipped_criteria_name_the_primary_comparison_of_their_experiment(name: str) -> None:
    shipped = load_scenario(name)
    both = {one.name for one in shipped.experiments if {"automated", "manual"} <= set(one.arms)}
    for one in shipped.criteria:
        assert one.primary_against == ("manual" if one.experiment in both else None)


def test_what_nobody_said_is_left_open_and_not_made_up(root: Path) -> None:
    result = criteria.run_sheet(root, silent)
    assert {"terms.owners", "terms.stopRule", "terms.decisionOn", "terms.ifPassed"} <= set(result.open_points)
    text = pypdf.PdfReader(result.path).pages[0].extract_text()
    assert "Decision on" in text
    assert "None" not in text


def test_a_sheet_of_more_than_a_page_is_refused() -> None:
    one = {"id": "x", "title": "Something is done in time", "experiment": "deploy", "metric": "median_seconds"}
    terms = {"criteria": [{**one, "at_most": 1.0}] * 60, "terms": {}}
    with pytest.raises(PovError, match="could not be drawn") as caught:
        sheet.render(terms, "0" * 64, datetime(2026, 3, 1, tzinfo=UTC))
    assert "more than one page" in caught.value.cause


def test_the_buyer_countersigns_and_their_key_is_told(root: Path, key: Path) -> None:
    with pytest.raises(NotFound, match="no criteria are frozen"):
        criteria.run_sign(root, key, "ines@acme.example", silent)
    criteria.run_freeze(root, "", silent)
    events: list[Event] = []
    made = criteria.run_sign(root, key, "ines@acme.example", events.append)
    assert made.added
    assert any(event.kind == "warning" and made.fingerprint in event.message for event in events)
    again = criteria.run_sign(root, key, "ines@acme.example", silent)
    assert not again.added
    frozen = criteria.frozen_in(root)
    what = Signed(root / store.FILE, frozen.content, CRITERIA, moment(frozen.at))
    assert verified_by(Lists.of(root), what, made.path.read_text()).principal == "ines@acme.example"


def test_who_signs_is_who_the_list_says(root: Path, key: Path, tmp_path: Path) -> None:
    criteria.run_freeze(root, "", silent)
    with pytest.raises(InvalidInput, match="cannot name a signer"):
        criteria.run_sign(root, key, "two words", silent)
    criteria.run_sign(root, key, "ines@acme.example", silent)
    before = (root / store.SIGNERS).read_text()
    with pytest.raises(InvalidInput, match="this is the key of ines"):
        criteria.run_sign(root, key, "otto@acme.example", silent)
    assert (root / store.SIGNERS).read_text() == before
    other = tmp_path / "other.key"
    other.write_text(ssh.make_key("other").private.reveal())
    other.chmod(0o600)
    with pytest.raises(PovError, match="allows nobody"):
        criteria.run_sign(root, other, "ines@acme.example", silent)


def test_nobody_stands_in_the_list_whose_signing_was_cut_short(
    root: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_short(*_: object) -> None:
        raise KeyboardInterrupt

    criteria.run_freeze(root, "", silent)
    with monkeypatch.context() as patched:
        patched.setattr("pov.workflows.countersigning.verified_by", cut_short)
        with pytest.raises(KeyboardInterrupt):
            criteria.run_sign(root, key, "ines@acme.example", silent)
    assert not (root / store.SIGNERS).exists()
    assert criteria.run_sign(root, key, "ines@acme.example", silent).added


def test_a_list_in_another_encoding_is_added_to_as_it_is(root: Path, key: Path) -> None:
    criteria.run_freeze(root, "", silent)
    theirs = "# Schlüssel der Käufer".encode("latin-1")
    (root / store.SIGNERS).write_bytes(theirs)
    assert criteria.run_sign(root, key, "ines@acme.example", silent).added
    assert (root / store.SIGNERS).read_bytes().startswith(theirs + b"\nines@acme.example ")


def test_a_run_keeps_what_it_was_measured_against(root: Path, key: Path) -> None:
    open_ = stand(root)
    assert open_.record["frozen"] == {"state": "not frozen"}
    assert "not frozen" in open_.told
    frozen = criteria.run_freeze(root, "", silent)
    criteria.run_sign(root, key, "ines@acme.example", silent)
    held = stand(root)
    assert held.told == ""
    assert (held.record["frozen"]["state"], held.record["frozen"]["digest"]) == ("as frozen", frozen.digest)
    (name,) = held.record["frozen"]["signatures"]
    assert held.record["frozen"]["signatures"][name] == hashlib.sha256(held.files[name]).hexdigest()
    assert set(held.files) == {store.FILE, store.SIGNERS, name}


def test_measuring_against_other_criteria_is_refused_or_marked(root: Path) -> None:
    criteria.run_freeze(root, "", silent)
    change(root, "atMost: 180", "atMost: 300")
    with pytest.raises(InvalidInput) as caught:
        stand(root)
    assert "frozen as 180.0, now 300.0" in caught.value.message
    assert "--exploratory" in caught.value.fix
    marked = stand(root, exploratory=True)
    assert marked.record["frozen"]["state"] == "changed"
    assert marked.record["frozen"]["changes"] == ["criteria[deploy-time].at_most: frozen as 180.0, now 300.0"]
    assert "exploratory" in marked.told


OTHER_PLANS: list[tuple[dict[str, Any], list[str]]] = [
    ({"trials": 1}, ["deploy, automated: 1 trial in place of 3", "deploy, manual: 1 trial in place of 3"]),
    ({"trials": 9}, ["deploy, automated: 9 trials in place of 3"]),
    ({"arms": ("automated",)}, ["deploy, manual: no trial in place of 3", "rotate, manual: no trial in place of 3"]),
    ({"experiments": ("deploy",)}, ["rotate, automated: no trial in place of 3"]),
    ({"experiments": ("deploy", "rotate", "drift")}, ["drift, automated: 3 trials, and none in the frozen plan"]),
    ({"aa": 6}, ["deploy, automated-again: 6 trials, and none in the frozen plan"]),
]


@pytest.mark.parametrize(("options", "told"), OTHER_PLANS)
def test_measuring_by_another_plan_is_refused_or_marked(root: Path, options: dict[str, Any], told: list[str]) -> None:
    criteria.run_freeze(root, "", silent)
    assert stand(root).record["exploratory"] == []
    with pytest.raises(InvalidInput) as caught:
        stand(root, options)
    assert "--exploratory" in caught.value.fix
    marked = stand(root, options, exploratory=True)
    for line in told:
        assert line in caught.value.message
        assert line in marked.record["exploratory"]
    assert (marked.record["frozen"]["state"], marked.record["frozen"]["changes"]) == ("changed", [])
    assert "by another plan than frozen on" in marked.told


@pytest.mark.parametrize("name", sorted(path.parent.name for path in SCENARIOS.glob("*/scenario.yaml")))
def test_what_a_scenario_lists_is_the_plan_that_is_frozen(tmp_path: Path, name: str) -> None:
    init.run(init.InitOptions(tmp_path / "one", scenario=name), silent)
    criteria.run_freeze(tmp_path / "one", "", silent)
    assert stand(tmp_path / "one").record["exploratory"] == []


def test_arms_that_cannot_be_measured_here_are_in_no_frozen_plan(root: Path) -> None:
    engagement, scenario = load_engagement(root), load_scenario("gitops-35")
    services = scenario.services.model_copy(update={"replicas": 2})
    (deploy, _) = agreed(scenario.model_copy(update={"services": services}), engagement)["experiments"]
    assert deploy["arms"] == ["automated", "automated-poll"]
    listed = [one["name"] for one in agreed(scenario.model_copy(update={"experiments": ()}), engagement)["experiments"]]
    assert listed == ["deploy", "rotate"]


def test_terms_are_frozen_too(root: Path) -> None:
    criteria.run_freeze(root, "", silent)
    engagement = load_engagement(root)
    scenario = load_scenario(engagement.scenario).with_under_proof(engagement.proof.services)
    agree(root)
    told = store.differences(agreed(scenario, engagement), agreed(scenario, load_engagement(root)))
    assert 'terms.stop_rule: frozen as "", now "After the planned trials"' in told


def test_every_run_since_the_freeze_is_counted_unfinished_ones_too(tmp_path: Path) -> None:
    runs = tmp_path / ".pov" / "one" / "runs"
    whole = simulated.save(runs, order=simulated.plan(trials=1))
    cut = simulated.save(tmp_path / ".pov" / "two" / "runs", stop_after=2, finish=False)
    found = ledger.runs_in(tmp_path)
    assert {entry.run: entry.state for entry in found} == {whole.name: "finished", cut.name: "unfinished"}
    entry = next(entry for entry in found if entry.run == cut.name)
    assert (entry.environment, entry.saved, entry.planned) == ("two", 2, 15)
    assert ledger.runs_in(tmp_path, "2026-03-09T09:30:00.001Z") == ()
    earlier = [entry.as_json() for entry in found]
    later = simulated.save(runs, environment_changes={"earlier_runs": earlier, "started": "2026-03-10T09:30:00.000Z"})
    (cut / "samples.jsonl").unlink()
    (cut / "environment.json").unlink()
    states = {entry.run: entry.state for entry in ledger.runs_in(tmp_path)}
    assert states == {whole.name: "finished", cut.name: "missing", later.name: "finished"}
    document = ledger.as_json(ledger.runs_in(tmp_path), "")
    assert ledger.entries(json.loads(json.dumps(document))["runs"]) == ledger.runs_in(tmp_path)


def test_an_interrupted_run_is_called_so(tmp_path: Path) -> None:
    path = simulated.save(tmp_path / ".pov" / "one" / "runs", order=simulated.plan(trials=1))
    summary = json.loads((path / "summary.json").read_text())
    summary["run"]["interrupted"] = True
    (path / "summary.json").write_text(json.dumps(summary))
    assert [entry.state for entry in ledger.runs_in(tmp_path)] == ["interrupted"]


def test_the_sheet_reads_as_pdf(root: Path) -> None:
    content = criteria.run_sheet(root, silent).path.read_bytes()
    assert pypdf.PdfReader(io.BytesIO(content)).metadata.title.startswith("What this proof of value is measured by")  # type: ignore[union-attr]


def test_letters_that_no_font_draws_are_told_before_anything_is_drawn(root: Path) -> None:
    agree(root)
    change(root, "It ends", "It ends \U00013000")
    with pytest.raises(InvalidInput) as caught:
        criteria.run_sheet(root, silent)
    assert "It ends" in caught.value.message
    assert not (root / criteria.SHEET).exists()


@pytest.mark.parametrize(
    ("bound", "direction", "told"),
    [({"at_most": 9, "at_least": None}, "less", "at most 9"), ({"at_most": None, "at_least": 9}, "more", "at least 9")],
)
def test_the_sheet_tells_a_bound_on_either_side(bound: dict[str, Any], direction: str, told: str) -> None:
    metric = {"name": "right", "label": "right answers", "figure": "right", "unit": "answers", "direction": direction}
    words = Words.of({"metrics": [metric]})
    row = sheet._criterion({"title": "T", "experiment": "deploy", "metric": "right", **bound}, words)
    assert row["threshold"].startswith(told)
