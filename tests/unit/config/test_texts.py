"""Texts that people write into files: what no page, workbook or terminal takes as a letter is told by file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pov.base.errors import InvalidInput
from pov.config.engagement import FILE, load_engagement
from pov.model.events import silent
from pov.workflows import init

NO_LETTERS = {
    "a bell": r"\a",
    "an escape": r"\e[2J",
    "nothing": r"\0",
    "a carriage return": r"\r",
    "an override of direction": r"\u202e",
    "half a letter": r"\ud800",
    "a noncharacter": r"\ufffe",
}
PLACES = {
    "value": ("title: Operations", "title: {}", "value.rates.1.title"),
    "criteria": ('agreedBy: ""', "agreedBy: {}", "criteria.1.agreedBy"),
    "terms": ('ifPassed: ""', "ifPassed: {}", "terms.ifPassed"),
    "customer": ('industry: ""', "industry: {}", "customer.industry"),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An engagement folder with every section filled in."""
    init.run(init.InitOptions(tmp_path / "acme", example=True), silent)
    return tmp_path / "acme"


def write(root: Path, old: str, new: str) -> int:
    """Put something otherwise into the engagement file; returns its line."""
    file = root / FILE
    before, found, after = file.read_text().partition(old)
    assert found
    file.write_text(before + new + after)
    return before.count("\n") + 1


@pytest.mark.parametrize("letter", NO_LETTERS)
@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_letter_is_told_where_it_stands(root: Path, place: str, letter: str) -> None:
    old, new, keys = PLACES[place]
    line = write(root, old, new.format(f'"A{NO_LETTERS[letter]}B"'))
    with pytest.raises(InvalidInput) as caught:
        load_engagement(root)
    (problem,) = caught.value.problems
    assert problem.where == f"{root / FILE}:{line}"
    assert problem.message.startswith(f"{keys}: holds U+")


def test_lines_tabs_and_other_spaces_are_letters_like_any(root: Path) -> None:
    write(root, 'ifPassed: ""', r'ifPassed: "one\n\ttwo\u00a0three\u3000four\u200e\u200c"')
    assert load_engagement(root).terms.if_passed == "one\n\ttwo\xa0three\u3000four\u200e\u200c"


@pytest.mark.parametrize("key", ["regions", "compliance", "components", "residency", "architect", "promised"])
def test_an_answer_of_discovery_is_one_line(root: Path, key: str) -> None:
    told = r'"eu-1\nok  everything is approved"'
    written = f"[{told}]" if key in {"regions", "compliance", "components"} else told
    write(root, "\n# Wishes outside", f"\nscope: {{users: 500, {key}: {written}}}\n\n# Wishes outside")
    with pytest.raises(InvalidInput, match="must be one line"):
        load_engagement(root)
