"""What was decided stays: what the branch that a change would go into holds of records is there, as it was."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pov.base.errors import InvalidInput, PovError
from pov.scoping.gate import Check
from pov.workflows.gate_records import kept
from tests.unit.engines.hostile import surround

REFUSAL, APPROVAL = "deal/approvals/2-refuse-scope.json", "deal/approvals/1-approve-scope.json"
SIGNATURE = f"{REFUSAL}.sig"
TEXTS = {APPROVAL: '{"decision": "approve"}\n', REFUSAL: '{"decision": "refuse"}\n', SIGNATURE: "signed\n"}


class Checkout:
    """A repository whose main holds an approval and its refusal, and a branch of it that a test changes."""

    def __init__(self, top: Path, *how: str) -> None:
        self.top = top
        self.deal = top / "deal"
        top.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main", *how)
        self.write("deal/engagement.yaml", "name: acme\n")
        for path, text in TEXTS.items():
            self.write(path, text)
        self.first = self.commit()
        self.git("switch", "--quiet", "--create", "change")

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=pat", "-c", "user.email=pat@example.org", "-c", "protocol.file.allow=always")
        done = subprocess.run(["git", *who, *arguments], cwd=self.top, check=True, capture_output=True, timeout=30)
        return done.stdout.decode().strip()

    def write(self, path: str, text: str) -> None:
        place = self.top / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def commit(self) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "change")
        return self.git("rev-parse", "HEAD")

    def check(self, base: str = "main", deal: Path | None = None) -> Check:
        (found,) = kept(deal or self.deal, base)
        assert found.name == "records"
        return found

    def refused(self, base: str = "main", deal: Path | None = None) -> list[str]:
        return [one.what for one in self.check(base, deal).refusals]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "repository")


def nothing(checkout: Checkout) -> None:
    """As main has it."""


def more(checkout: Checkout) -> None:
    checkout.write("deal/approvals/3-approve-scope.json", "{}\n")
    checkout.write("deal/engagement.yaml", "name: other\n")


def not_committed(checkout: Checkout) -> None:
    checkout.git("rm", "--quiet", "--cached", REFUSAL)


def taken_out(checkout: Checkout) -> None:
    (checkout.top / REFUSAL).unlink()


def taken_out_and_committed(checkout: Checkout) -> None:
    taken_out(checkout)
    checkout.commit()


def all_of_them(checkout: Checkout) -> None:
    shutil.rmtree(checkout.deal / "approvals")


def edited(checkout: Checkout) -> None:
    checkout.write(REFUSAL, '{"decision": "approve"}\n')


def other_line_ends(checkout: Checkout) -> None:
    (checkout.top / REFUSAL).write_bytes(TEXTS[REFUSAL].replace("\n", "\r\n").encode())


def unsigned(checkout: Checkout) -> None:
    (checkout.top / SIGNATURE).unlink()


def moved(checkout: Checkout) -> None:
    checkout.write("deal/approvals/old/2-refuse-scope.json", TEXTS[REFUSAL])
    (checkout.top / REFUSAL).unlink()


def a_folder(checkout: Checkout) -> None:
    taken_out(checkout)
    (checkout.top / REFUSAL).mkdir()


def a_link(checkout: Checkout) -> None:
    """The same bytes, for now: what it leads to is no record, and may be changed next."""
    checkout.write("attic/refusal.json", TEXTS[REFUSAL])
    taken_out(checkout)
    (checkout.top / REFUSAL).symlink_to("../../attic/refusal.json")


def linked_records(checkout: Checkout) -> None:
    (checkout.deal / "approvals").rename(checkout.top / "attic")
    (checkout.deal / "approvals").symlink_to("../attic")


def linked_deal(checkout: Checkout) -> None:
    """Where the link leads to, main holds no record."""
    checkout.deal.rename(checkout.top / "other")
    (checkout.top / "other" / "approvals" / "2-refuse-scope.json").unlink()
    checkout.deal.symlink_to("other")


def a_further_link(checkout: Checkout) -> None:
    (checkout.deal / "approvals" / "more").symlink_to("/etc")


def repository_inside(checkout: Checkout) -> None:
    """Git would take such a folder for a repository of its own, by whose main nothing was ever decided."""
    other = Checkout(checkout.top.parent / "other")
    other.git("rm", "-r", "--quiet", "deal/approvals")
    other.commit()
    other.git("branch", "--force", "main")
    shutil.copytree(other.top / ".git", checkout.deal, dirs_exist_ok=True)
    taken_out(checkout)


def in_the_place_of_main(checkout: Checkout) -> None:
    taken_out(checkout)
    checkout.git("replace", checkout.first, checkout.commit())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (nothing, []),
        (more, []),
        (not_committed, []),
        (taken_out, [f"{REFUSAL} is not there"]),
        (taken_out_and_committed, [f"{REFUSAL} is not there"]),
        (all_of_them, [f"{path} is not there" for path in sorted(TEXTS)]),
        (edited, [f"{REFUSAL} is changed"]),
        (other_line_ends, [f"{REFUSAL} is changed"]),
        (unsigned, [f"{SIGNATURE} is not there"]),
        (moved, [f"{REFUSAL} is not there"]),
        (a_folder, [f"{REFUSAL} is not there"]),
        (a_link, [f"{REFUSAL} is a link"]),
        (linked_records, ["deal/approvals is a link"]),
        (linked_deal, ["deal is a link", f"{REFUSAL} is not there"]),
        (a_further_link, ["deal/approvals/more is a link"]),
        (repository_inside, [f"{REFUSAL} is not there"]),
        (in_the_place_of_main, [f"{REFUSAL} is not there"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_main_holds_is_there_as_it_was(
    change: Callable[[Checkout], None], told: list[str], checkout: Checkout
) -> None:
    change(checkout)
    assert checkout.refused() == told


def test_a_refusal_says_what_would_pass_and_who_may_say_so(checkout: Checkout) -> None:
    taken_out(checkout)
    (one,) = checkout.check().refusals
    assert one.in_words == (
        f"{REFUSAL} is not there; limit: what was decided stays; passes with: put it back, as main holds it; a branch "
        "that is older than it takes in what is new there; may approve: platform team"
    )


def test_a_branch_that_is_older_than_a_refusal_is_refused_until_it_has_it(checkout: Checkout) -> None:
    checkout.git("switch", "--quiet", "main")
    checkout.write("deal/approvals/4-refuse-scope.json", "{}\n")
    checkout.commit()
    checkout.git("switch", "--quiet", "change")
    assert checkout.refused() == ["deal/approvals/4-refuse-scope.json is not there"]
    checkout.git("merge", "--quiet", "--no-edit", "main")
    assert checkout.refused() == []


@pytest.mark.parametrize("base", ["main", "refs/heads/main", "change~1", "FETCH_HEAD", "whole"])
def test_the_branch_is_named_as_git_names_it(base: str, checkout: Checkout) -> None:
    taken_out(checkout)
    checkout.commit()
    checkout.git("fetch", "--quiet", ".", "main")
    assert checkout.refused(checkout.first if base == "whole" else base) == [f"{REFUSAL} is not there"]


@pytest.mark.parametrize(
    "base", ["nowhere", "origin/main", "0" * 40, "HEAD:deal", "-x", "--all", "main\n", "main main"]
)
def test_a_name_that_leads_to_no_commit_is_wrong_input_and_says_how_to_get_it(base: str, checkout: Checkout) -> None:
    with pytest.raises(InvalidInput) as told:
        kept(checkout.deal, base)
    (problem,) = told.value.problems
    assert (problem.where, problem.message) == ("--base", f"there is no commit {base} here")
    assert problem.fix.startswith("git fetch origin BRANCH")


def test_a_shallow_clone_without_the_branch_is_told_to_fetch_it_and_then_knows(
    checkout: Checkout, tmp_path: Path
) -> None:
    taken_out_and_committed(checkout)
    clone = ("clone", "--quiet", "--depth", "1", "--branch", "change", f"file://{checkout.top}")
    checkout.git(*clone, str(tmp_path / "shallow"))
    shallow = tmp_path / "shallow" / "deal"
    for base in ("origin/main", "main", checkout.first):
        with pytest.raises(InvalidInput, match="there is no commit"):
            kept(shallow, base)
    subprocess.run(
        ["git", "fetch", "--quiet", "origin", "main"], cwd=shallow, check=True, capture_output=True, timeout=30
    )
    assert checkout.refused("FETCH_HEAD", shallow) == [f"{REFUSAL} is not there"]


def test_where_no_branch_is_named_that_is_told_and_nobody_is_asked(tmp_path: Path) -> None:
    (check,) = kept(tmp_path / "nowhere", "")
    assert not check.refusals
    assert "--base REF" in check.not_checked
    assert kept(tmp_path / "nowhere", None) == ()


def test_a_folder_in_no_repository_is_wrong_input(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="lies in no Git repository"):
        kept(tmp_path, "main")


def test_a_repository_that_cannot_be_read_is_no_pass(checkout: Checkout) -> None:
    tree = checkout.git("rev-parse", "main:deal/approvals")
    (checkout.top / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    with pytest.raises(PovError, match="`git ls-tree` failed"):
        kept(checkout.deal, "main")


def test_a_repository_further_up_is_not_asked_in_the_place_of_one_that_is_damaged(
    checkout: Checkout, tmp_path: Path
) -> None:
    """What it holds is of another path: nothing that was decided here."""
    outer = Checkout(tmp_path / "outer")
    checkout.top.rename(outer.top / "inner")
    (outer.top / "inner" / ".git" / "HEAD").unlink()
    (outer.top / "inner" / REFUSAL).unlink()
    with pytest.raises(PovError, match="Git cannot tell what main is"):
        kept(outer.top / "inner" / "deal", "main")


def test_a_submodule_is_not_asked_what_the_branch_holds(checkout: Checkout, tmp_path: Path) -> None:
    """Which commit of it is checked out, and where it comes from, is for the branch under review to say."""
    outer = Checkout(tmp_path / "outer")
    outer.git("rm", "-r", "--quiet", "deal")
    outer.git("submodule", "--quiet", "add", str(checkout.top), "deal")
    with pytest.raises(InvalidInput, match="is a submodule"):
        kept(outer.deal, "main")


def test_a_work_tree_of_its_own_is_judged_as_the_first(checkout: Checkout, tmp_path: Path) -> None:
    checkout.git("worktree", "add", "--quiet", str(tmp_path / "second"), "-b", "second", "main")
    (tmp_path / "second" / REFUSAL).unlink()
    assert checkout.refused("main", tmp_path / "second" / "deal") == [f"{REFUSAL} is not there"]
    assert checkout.refused() == []


def test_a_checkout_is_reached_by_a_link_and_by_a_way_around(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_out(checkout)
    (tmp_path / "short").symlink_to(checkout.top)
    (tmp_path / "shorter").symlink_to(checkout.deal)
    monkeypatch.chdir(checkout.top)
    for way in (tmp_path / "short" / "deal", tmp_path / "shorter", Path("deal"), Path("../repository/deal"), Path()):
        deal = way if str(way) != "." else checkout.deal
        assert checkout.refused("main", deal) == [f"{REFUSAL} is not there"], way


def test_a_way_around_does_not_hide_that_the_deal_is_a_link(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked_deal(checkout)
    monkeypatch.chdir(checkout.top)
    assert checkout.refused("main", Path("../repository/deal")) == ["deal is a link", f"{REFUSAL} is not there"]


def test_it_is_asked_of_git_whatever_stands_in_the_surroundings(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_out(checkout)
    surround(monkeypatch, tmp_path)
    assert checkout.refused() == [f"{REFUSAL} is not there"]


def test_a_repository_of_longer_digests_and_names_of_any_kind(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "repository", "--object-format=sha256")
    checkout.git("switch", "--quiet", "main")
    checkout.top.joinpath("deal").rename(checkout.top / ":(top)[d]*eal")
    checkout.write(":(top)[d]*eal/approvals/ä\n\t.json", "{}\n")
    checkout.commit()
    deal = checkout.top / ":(top)[d]*eal"
    assert checkout.refused("main", deal) == []
    (deal / "approvals" / "ä\n\t.json").unlink()
    assert checkout.refused("main", deal) == [":(top)[d]*eal/approvals/ä\n\t.json is not there"]
