"""What stands in each place of page one is computed for that place: a true figure of another place is found."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from pov.reporting import one_file
from tests.unit.reporting import simulated
from tests.unit.reporting.crowded import crowded
from tests.unit.value.sections import FULL, changed
from tests.unit.workflows.test_verify import Given, attached, attached_of, leaves

WAYS = ("automated", "automated-again", "manual", "automated-poll")
UNREAD = {"colour", "mark", "arm", "anchor", "see", "name"}
"""Keys of what nobody reads on page one."""
HEAD = ("title", "subtitle", "date", "run")
FIGURE = re.compile("\\d(?:[\\d\u202f.,:-]*\\d)?")
AT = {"after": 5, "ended": "cut off", "last": "2026-03-09T09:41:07.000Z", "at": "2026-03-09T11:12:13.000Z"}

OTHERWISE: tuple[dict[str, Any], ...] = ({}, {}, {"at_most": 5}, {"arm": "manual", "at_most": 61}, {}, {"at_most": 7})


def few(folder: Path) -> Path:
    """Two experiments in large figures, with everything that page one has a sentence for."""
    order = [{"experiment": e, "arm": arm, "trial": 1} for e, arm in (("deploy", "person"), ("rotate", "placebo"))]
    order += simulated.plan(
        trials=4, pairs=[*(("deploy", arm) for arm in WAYS), *(("rotate", arm) for arm in WAYS[:3])]
    )
    late = next(n for n, slot in enumerate(order, 1) if (slot["experiment"], slot["arm"]) == ("rotate", "automated"))
    cause = simulated.cause("ledger → fees", "hard", "refused at port 8443", 17)
    changes: dict[int, dict[str, Any]] = {
        1: {"origin": "person", "details": {"by": "sam"}},
        4: {"ok": False, "seconds": None, "error": "timed out after 90 s"},
        6: {"details": {"load_per_core": 6.38}, "resumed": [AT, {**AT, "trial": "deploy, manual, 2"}]},
        late: {"traffic": simulated.traffic(911, hard=17, late=5, excused=2, stalls=3, causes=[cause])},
    }
    stated = simulated.environment([])["baseline"][0]
    usual = simulated.environment([])["criteria"]
    environment: dict[str, Any] = {
        "baseline": [{**stated, "id": f"f-{n}", "value": 45 + 11 * n, "when": f"2026-03-0{n + 1}"} for n in range(5)],
        "criteria": [
            {**usual[i % 2], "id": f"c-{i}", "agreed_by": "B. Example", "agreed_on": f"2026-02-1{i}", **more}
            for i, more in enumerate(OTHERWISE)
        ],
        "value": changed(FULL, {"price.validUntil": "2026-03-08", "asOf": "2026-03-01"}),
        "frozen": {"state": "as frozen", "at": "2026-03-01T10:00:00.000Z", "changes": ["c-1: frozen as 1, now 2"]},
    }
    saved = {"order": order, "sample_changes": changes, "environment_changes": environment}
    return attached(folder, {**saved, "stop_after": len(order) - 1, "finish": False})


def many(folder: Path) -> Path:
    """Six experiments, which share a table; and more criteria, findings and stated figures than there is room for."""
    runs = folder / ".pov" / "one" / "runs"
    crowded(runs, 6, criteria=7)
    return attached_of(next(runs.iterdir()), folder)


KINDS: dict[str, Callable[[Path], Path]] = {"two experiments": few, "six experiments": many}


class PageOne:
    """Page one of a report with the verifier that looks at it, again and again."""

    def __init__(self, folder: Path) -> None:
        self.document = json.loads((folder / "report.json").read_text())
        self.verifier = Given(folder, self.document, None)
        self.verifier.run()
        assert self.verifier.wrong == []
        self.places: list[tuple[tuple[Any, ...], int, int, str]] = [
            (path, found.start(), found.end(), found[0])
            for path, text in self.texts()
            for found in FIGURE.finditer(text)
        ]

    def texts(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        """Every text that is read on page one, with its place."""
        yield from (((key,), self.document[key]) for key in HEAD)
        for path, value in leaves(self.document["sections"][0]["blocks"], ("sections", 0, "blocks")):
            if isinstance(value, str) and not UNREAD & set(path):
                yield path, value

    def found(self, *changes: tuple[int, str]) -> bool:
        """Whether it is found that other figures stand in some places."""
        before: dict[tuple[Any, ...], str] = {}
        for place, other in sorted(changes, key=lambda one: -self.places[one[0]][1]):
            path, start, end, _ = self.places[place]
            at = self.at(path)
            before.setdefault(path, at[path[-1]])
            at[path[-1]] = f"{at[path[-1]][:start]}{other}{at[path[-1]][end:]}"
        verifier = self.verifier
        verifier.report, verifier.wrong = self.document, []
        assert verifier.given is not None
        verifier.of_head(verifier.given)
        verifier.of_section(self.document["sections"][0], "page one")
        for path, text in before.items():
            self.at(path)[path[-1]] = text
        return bool(verifier.wrong)

    def at(self, path: tuple[Any, ...]) -> Any:
        """What holds the text at a place."""
        inner = self.document
        for key in path[:-1]:
            inner = inner[key]
        return inner


@pytest.fixture(scope="module", params=KINDS)
def looked_at(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> PageOne:
    return PageOne(KINDS[request.param](tmp_path_factory.mktemp("page")))


@pytest.fixture
def page(looked_at: PageOne) -> Iterator[PageOne]:
    """The page as it was drawn, whatever a test changes."""
    before = json.dumps(looked_at.document)
    yield looked_at
    looked_at.document = json.loads(before)


def test_it_is_looked_at_everywhere(page: PageOne) -> None:
    assert len(page.places) > 120
    assert not page.found()


def test_two_figures_that_changed_places_are_found(page: PageOne) -> None:
    """Each is true, and says something of another experiment, arm or measure."""
    told = [text for *_, text in page.places]
    pairs = [(a, b) for a, b in combinations(range(len(told)), 2) if told[a] != told[b]]
    missed = [(page.places[a], page.places[b]) for a, b in pairs if not page.found((a, told[b]), (b, told[a]))]
    assert not missed


@pytest.mark.parametrize("by", [1, -1])
def test_a_figure_that_is_off_by_one_in_its_last_digit_is_found(page: PageOne, by: int) -> None:
    told = [(n, text) for n, (*_, text) in enumerate(page.places)]
    missed = [page.places[n] for n, text in told if not page.found((n, f"{text[:-1]}{(int(text[-1]) + by) % 10}"))]
    assert not missed


def sentences(document: Any) -> list[Any]:
    """What holds the sentences of page one: its boxes, its texts, the lists of bullets."""
    blocks = document["sections"][0]["blocks"]
    columns = next(b for b in blocks if b["kind"] == "columns")
    return [
        blocks,
        columns["left"],
        *(b["items"] for b in (columns["left"][0], columns["right"][0], *blocks) if b["kind"] == "bullets"),
    ]


def test_a_sentence_that_was_left_out_is_one_line(page: PageOne) -> None:
    found = 0
    for held in sentences(page.document):
        for at, one in enumerate(list(held)):
            if isinstance(one, list) or one["kind"] in {"text", "callout"}:
                del held[at]
                assert page.found()
                assert len(page.verifier.wrong) == 1, page.verifier.wrong
                held.insert(at, one)
                found += 1
    assert found > 10


def test_a_sentence_that_nothing_gives_is_found(page: PageOne) -> None:
    for held in sentences(page.document):
        bullets = held and isinstance(held[0], list)
        held.append(
            ["Ready.", "Buy it."] if bullets else {"kind": "text", "text": "Ready. Buy it.", "tone": "", "see": ""}
        )
        assert page.found()
        (line,) = page.verifier.wrong
        assert "'Ready. Buy it.', which nothing that was saved gives" in line
        held.pop()


ARMS = ("automated", "the runbook", "by polling alone", "a good script")


@pytest.mark.parametrize(
    "names", [*combinations(ARMS, 2), ("deployment", "rotation"), ("hard", "late"), ("Less", "No gain in")]
)
def test_words_of_a_sentence_that_changed_places_are_found(page: PageOne, names: tuple[str, str]) -> None:
    """The figures stay: whose they are, and of what, is another's."""
    swapped = dict(zip(names, reversed(names), strict=True))
    for held in sentences(page.document):
        for item in (one for one in held if isinstance(one, list)):
            before = list(item)
            item[:] = [re.sub("|".join(names), lambda found: swapped[found[0]], text) for text in before]
            assert page.found() is (item != before)
            item[:] = before


@pytest.mark.parametrize("wrong", [0, 1], ids=["other words", "other figures"])
def test_words_of_another_version_are_no_fault_and_its_figures_are(tmp_path: Path, wrong: int) -> None:
    """Its own verifier, which is attached, holds it to its words."""
    folder = attached(tmp_path)
    document = json.loads((folder / "report.json").read_text())
    row = next(b for b in document["sections"][0]["blocks"] if b["kind"] == "outcomes")["rows"][0]
    (seen,) = FIGURE.findall(row["reason"])
    row["reason"] = f"so does the runbook, with {'9.99' if wrong else seen} s"
    for other, found in ((b"", 1), (b"# of before\n", wrong)):
        (folder / "verify.py").write_bytes(one_file.verifier() + other)
        verifier = Given(folder, document, None)
        verifier.run()
        assert len(verifier.wrong) == found, verifier.wrong
        assert any("another version's words" in note for note in verifier.notes) is not bool(found)
