"""By which merge the deal came to main, and what the gate had said of it: all else is refused, with the reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pov.base.errors import CriterionNotMet
from pov.engines.gitea import Merged as Pull
from pov.engines.gitea_pulls import FAILURE, PENDING, Status
from pov.scoping.gate_status import Green
from pov.workflows.merged import brought, green, newest
from tests.unit.workflows.deal_repository import PLAN, DealRepository


@pytest.fixture
def deals(tmp_path: Path) -> DealRepository:
    return DealRepository(tmp_path)


def test_a_merge_that_the_gate_let_through_is_found_with_its_plan(deals: DealRepository) -> None:
    head = deals.takes("agreed")
    merge = deals.merges(head)
    found = newest(deals.fetched(), deals)
    assert (found.commit, found.merge, found.base, found.head, found.pull) == (merge, merge, deals.first, head, 7)
    assert green(deals, found) == Green(deals.first[:10], PLAN, "7")


def test_what_the_bring_up_changes_of_what_judges_hides_no_merge(deals: DealRepository) -> None:
    merge = deals.merges(deals.takes("agreed"))
    deals.write("platform/allowed_signers", "# somebody\n")
    moved = deals.commit("Bring what judges to what this environment has")
    found = newest(deals.fetched(), deals)
    assert (found.commit, found.merge, found.base) == (moved, merge, deals.first)
    assert green(deals, found).plan == PLAN


def test_of_two_merges_the_newer_one_counts_and_holds_both(deals: DealRepository) -> None:
    one = deals.merges(deals.asks("deal/one.md"), 1)
    two = deals.merges(deals.asks("deal/two.md"), 2, plan="cd" * 32)
    found = newest(deals.fetched(), deals)
    assert (found.merge, found.base, found.pull) == (two, one, 2)
    assert green(deals, found).plan == "cd" * 32


def nothing_merged(deals: DealRepository) -> None:
    """The deal as `pov up` began it."""


def pushed(deals: DealRepository) -> None:
    deals.write("deal/stages.yaml", "stages: {}\n")
    deals.commit("past every rule")


def pushed_after_a_merge(deals: DealRepository) -> None:
    deals.merges(deals.takes("agreed"))
    pushed(deals)


def root_module_pushed(deals: DealRepository) -> None:
    deals.merges(deals.takes("agreed"))
    deals.write("terraform/targets/local/more.tf", "# more\n")
    deals.commit("past every rule")


def no_deal(deals: DealRepository) -> None:
    deals.git("switch", "--quiet", "--orphan", "empty")
    deals.git("commit", "--quiet", "--allow-empty", "--message", "nothing")
    deals.git("branch", "--force", "main", "HEAD")


def merged_by_hand(deals: DealRepository) -> None:
    del deals.pulls[deals.merges(deals.takes("agreed"))]


def squashed(deals: DealRepository) -> None:
    head = deals.takes("agreed")
    deals.git("merge", "--quiet", "--ff-only", head)


def more_in_the_merge(deals: DealRepository) -> None:
    """A merge of what was judged, with something in it that nobody judged."""
    head = deals.takes("agreed")
    deals.git("merge", "--quiet", "--no-ff", "--no-commit", head)
    deals.write("deal/more.yaml", "more\n")
    merge = deals.commit("Merge pull request 7")
    deals.pulls[merge] = Pull(7, "architect")
    deals.says(head, deals.first)


@pytest.mark.parametrize(
    ("bend", "told"),
    [
        (nothing_merged, "which is no merge of a pull request"),
        (pushed, "which is no merge of a pull request"),
        (pushed_after_a_merge, "which is no merge of a pull request"),
        (root_module_pushed, "which is no merge of a pull request"),
        (no_deal, "which is no merge of a pull request"),
        (squashed, "which is no merge of a pull request"),
        (merged_by_hand, "a merge that no pull request made"),
        (more_in_the_merge, "which is not what pull request 7 held when it was judged"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_came_otherwise_is_refused(
    bend: Callable[[DealRepository], None], told: str, deals: DealRepository
) -> None:
    bend(deals)
    with pytest.raises(CriterionNotMet) as refused:
        newest(deals.fetched(), deals)
    assert refused.value.message.endswith(told)
    assert deals.git("rev-parse", "main")[:10] in refused.value.message
    assert refused.value.fix == "ask for it by pull request to pov/deal"


@pytest.mark.parametrize(
    ("held", "told"),
    [
        (None, "the gate has not judged that"),
        (Status(FAILURE, "1 thing is refused: see the comment", "gate"), "last word on that is failure: 1 thing"),
        (Status(PENDING, "is judged again", "gate"), "last word on that is pending"),
        (Status("success", f"passed, plan {PLAN}, on ffffffffff by 1a2b3c4d5e/7", "gate"), "judged for another main"),
        (Status("success", "passed", "gate"), "judged for another main"),
        (Status("success", "believe me", "gate"), "judged for another main"),
    ],
)
def test_what_the_gate_did_not_let_through_is_refused(held: Status | None, told: str, deals: DealRepository) -> None:
    head = deals.takes("agreed")
    deals.merges(head)
    deals.statuses = {head: held} if held is not None else {}
    with pytest.raises(CriterionNotMet, match="pull request 7 was merged at") as refused:
        green(deals, newest(deals.fetched(), deals))
    assert told in refused.value.message


def test_a_verdict_without_a_plan_says_so_to_whoever_compares(deals: DealRepository) -> None:
    deals.merges(deals.takes("agreed"), plan="", state="")
    assert green(deals, newest(deals.fetched(), deals)) == Green(deals.first[:10])


@pytest.mark.parametrize(
    "since",
    [
        Status(PENDING, "is judged, on ffffffffff by 1a2b3c4d5e/7", "gate"),
        Status(FAILURE, "1 thing is refused: see the comment, on ffffffffff by 1a2b3c4d5e/7", "gate"),
    ],
)
def test_another_pull_request_of_the_same_commit_takes_nothing_back(since: Status, deals: DealRepository) -> None:
    """It is still open, and judged against the main of after the merge: it lacks that."""
    head = deals.takes("agreed")
    deals.merges(head)
    deals.since[head] = since
    assert green(deals, newest(deals.fetched(), deals)) == Green(deals.first[:10], PLAN, "7")


def test_what_the_gate_said_last_of_this_merge_counts(deals: DealRepository) -> None:
    head = deals.takes("agreed")
    deals.merges(head)
    refused = f"1 thing is refused: see the comment, on {deals.first[:10]} by 1a2b3c4d5e/7"
    deals.since[head] = Status(FAILURE, refused, "gate")
    with pytest.raises(CriterionNotMet, match="the gate's last word on that is failure"):
        green(deals, newest(deals.fetched(), deals))


def test_what_one_apply_brings_is_every_merge_since_the_last(deals: DealRepository) -> None:
    one = deals.merges(deals.asks("deal/one.md"), 1)
    deals.write("platform/allowed_signers", "# somebody\n")
    deals.commit("Bring what judges to what this environment has")
    deals.merges(deals.asks("deal/two.md"), 2)
    deals.merges(deals.takes("agreed"), 3)
    git = deals.fetched()
    found = newest(git, deals)
    assert brought(git, deals, found, "") == (1, 2, 3)
    assert brought(git, deals, found, one) == (2, 3)
    assert brought(git, deals, found, "f" * 40) == (3,), "a merge that the branch does not have"
