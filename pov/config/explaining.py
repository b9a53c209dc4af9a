"""What is wrong with a file, in words for the person who wrote it: where, what, and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from pov.base.errors import Problem
from pov.base.names import RULE

Location = tuple[int | str, ...]

_SHOWN = 40
_WORDS = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number that ends",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": f"must be {RULE}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "greater_than": "must be more than {gt}",
    "less_than": "must be less than {lt}",
    "too_short": "needs at least {min_length}",
    "too_long": "has room for {max_length}",
    "tuple_type": "must be a list",
    "model_type": "must be a mapping of keys",
    "model_attributes_type": "must be a mapping of keys",
    "literal_error": "must be {expected}",
    "date_type": "must be a date such as 2026-10-01",
    "date_parsing": "must be a date such as 2026-10-01",
    "date_from_datetime_parsing": "must be a date such as 2026-10-01",
    "date_from_datetime_inexact": "must be a date such as 2026-10-01",
}


class Faults(ValueError):
    """What a model's own check found wrong: the keys to the place, the message and the remedy of each, all at once."""

    def __init__(self, faults: Iterable[tuple[Location, str, str]]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(message for _, message, _ in self.faults))


def problems_of(error: ValidationError, model: type[BaseModel], path: Path, document: CommentedMap) -> list[Problem]:
    """Every problem in `error`, one for each place, in the order of the file's lines."""
    found: dict[Location, tuple[int, Problem]] = {}
    broken_items = {
        item["loc"][:index]
        for item in error.errors()
        for index, part in enumerate(item["loc"])
        if isinstance(part, int)
    }
    for item in error.errors():
        if item["type"] == "too_short" and item["loc"] in broken_items:
            continue  # The list is short only because its items are wrong, and those are told.
        for place, message, fix in _faults(item, model):
            line = _line(document, place)
            known = found.get(place)
            if known is not None:
                message = f"{known[1].message.removesuffix(_given(item))} or {message.split(': ', 1)[-1]}"
            found[place] = line, Problem(f"{path}:{line}", message, fix or (known[1].fix if known else ""))
    return [problem for _, problem in sorted(found.values(), key=lambda pair: pair[0])]


def located(faults: Faults, path: Path, document: CommentedMap, base: Location) -> list[Problem]:
    """The problems of a check across files: `base` are the keys under which the faults' places begin."""
    return [
        Problem(f"{path}:{_line(document, (*base, *place))}", _at((*base, *place), message), fix)
        for place, message, fix in faults.faults
    ]


def nearest(word: str, known: Sequence[str]) -> str:
    """A remedy for a misspelt word: the closest known one, or all of them."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"known: {', '.join(known[:_SHOWN])}{' …' if len(known) > _SHOWN else ''}"


def _faults(item: Any, model: type[BaseModel]) -> Iterable[tuple[Location, str, str]]:
    place, keys = _in_the_file(model, item["loc"])
    inner = item.get("ctx", {}).get("error")
    if isinstance(inner, Faults):
        for further, message, fix in inner.faults:
            yield (*place, *further), _at((*place, *further), message), fix
    elif item["type"] == "extra_forbidden":
        yield place, f"unknown key `{_dotted(place)}`", nearest(str(place[-1]), keys)
    elif item["type"] == "missing":
        yield place, f"`{_dotted(place)}` is missing", f"add `{place[-1]}:`"
    elif isinstance(inner, ValueError):
        yield place, _at(place, str(inner)), ""
    else:
        words = _WORDS.get(item["type"], str(item["msg"])).format(**item.get("ctx", {}))
        choices = [word for word in words.split("'")[1::2] if item["type"] == "literal_error"]
        given = item["input"]
        fix = nearest(given, choices) if isinstance(given, str) and choices else ""
        yield place, _at(place, words + _given(item)), fix if fix.startswith("did") else ""


def _given(item: Any) -> str:
    given = item.get("input")
    if given is None:
        return ", not empty"
    return f", not {given!r}" if isinstance(given, str | int | float | bool) else ""


def _at(place: Location, message: str) -> str:
    return f"{_dotted(place)}: {message}" if place else message


def _dotted(place: Location) -> str:
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in place)


def _in_the_file(model: type[BaseModel], location: Location) -> tuple[Location, list[str]]:
    """The part of pydantic's location that a file has (no names of alternatives), and the keys known at its end."""
    current: Any = model
    place: list[int | str] = []
    for index, part in enumerate(location):
        if isinstance(part, int):
            place.append(part)
            continue
        fields = getattr(current, "model_fields", {})
        match = next((field for name, field in fields.items() if part in {name, field.alias}), None)
        if match is not None:
            place.append(part)
            if index + 1 < len(location):
                current = _model_in(match.annotation)
        elif fields:
            place.append(part)  # An unknown key: its siblings are what is known.
            break
    return tuple(place), sorted(field.alias or name for name, field in getattr(current, "model_fields", {}).items())


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in {Union, UnionType, tuple, list, dict} or get_args(annotation):
        for argument in get_args(annotation):
            found = _model_in(argument)
            if found is not None:
                return found
    return None


def _line(document: CommentedMap, place: Location) -> int:
    node: Any = document
    line = 1
    for part in place:
        try:
            if isinstance(node, CommentedMap):
                line = node.lc.key(part)[0] + 1
                node = node[part]
            elif isinstance(node, CommentedSeq) and isinstance(part, int):
                line = node.lc.item(part)[0] + 1
                node = node[part]
            else:
                break
        except (KeyError, IndexError, AttributeError, TypeError):
            break  # Not in the file, or a mapping that came from no file.
    return line
