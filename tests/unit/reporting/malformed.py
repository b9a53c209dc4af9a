"""Run documents as nobody should get them: one thing in them is of another shape than it has to be."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pov.state.runs import digest_of

DOCUMENTS = ("environment.json", "summary.json", "head.json", "report.json", "runs.json", "criteria.json", "value.json")
SAMPLES = "samples.jsonl"
_OTHERS: tuple[Any, ...] = (
    None, True, 0, -1, 7.5, 10**30, -1e300, float("nan"), float("inf"), "", "x", "−1", "\ud800", "\x1b[2J\n", "../../x",
    [], [1], [[]], {}, {"a": 1}, {"kind": "table"}, [{"name": 3}], ["a", "b", "c"],
)  # fmt: skip


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document, those of mappings and lists among them."""
    if path:
        yield path
    if isinstance(document, dict | list):
        for key in document if isinstance(document, dict) else range(len(document)):
            yield from places(document[key], (*path, key))


def at(document: Any, path: tuple[Any, ...]) -> Any:
    """What stands at a place."""
    for key in path:
        document = document[key]
    return document


def mutated(document: Any, draw: random.Random) -> Any:
    """The document with something else at one place, or with nothing there, or with it twice."""
    other = copy.deepcopy(document)
    path = draw.choice(list(places(other)) or [()])
    if not path:
        return draw.choice(_OTHERS)
    inner, key = at(other, path[:-1]), path[-1]
    what = draw.randrange(8)
    if what == 0:
        del inner[key]
    elif what == 1 and isinstance(inner, list):
        inner.insert(key, copy.deepcopy(inner[key]))
    else:
        inner[key] = draw.choice(_OTHERS)
    return other


def mutate(folder: Path, draw: random.Random) -> str:
    """Change one of the documents in a folder; returns which. A sample's chain is made whole after it."""
    names = [name for name in (*DOCUMENTS, SAMPLES, SAMPLES) if (folder / name).exists()]
    name = draw.choice(names)
    if name == SAMPLES:
        lines = (folder / name).read_text().splitlines()
        number = draw.randrange(len(lines)) if lines else 0
        if lines:
            lines[number] = json.dumps(mutated(json.loads(lines[number]), draw))
        (folder / name).write_text("".join(f"{line}\n" for line in _chained(lines, number)))
    else:
        text = (folder / name).read_text()
        cut = draw.random() < 0.1 or not _reads(text)
        other = text[: draw.randrange(len(text) or 1)] if cut else json.dumps(mutated(json.loads(text), draw))
        (folder / name).write_text(other)
    return name


def _reads(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _chained(lines: list[str], first: int) -> Iterator[str]:
    """The lines with every digest from `first` on made anew, as far as a line is one that has a digest."""
    head = ""
    for number, line in enumerate(lines):
        sample = json.loads(line)
        if number >= first and isinstance(sample, dict):
            sample["prev"] = head or sample.get("prev", "")
            try:
                sample["digest"] = digest_of(sample)
            except ValueError:
                sample["digest"] = ""
        head = str(sample.get("digest", "")) if isinstance(sample, dict) else ""
        yield json.dumps(sample)


def edit(name: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    """An edit of one JSON document: `change` alters it, or returns another one."""

    def do(folder: Path) -> None:
        document = json.loads((folder / name).read_text())
        other = change(document)
        (folder / name).write_text(json.dumps(document if other is None else other))

    return do
