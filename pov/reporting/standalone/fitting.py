"""Files read with care: what is not as it should be is told and left out."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

from pov.reporting.standalone.letters import cut
from pov.reporting.standalone.shapes import COUNT, FLAG, MOST, NUMBER, TEXT

BROKEN = (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, StopIteration, TypeError, ValueError)


class Unlike(Exception):
    """A value is not of the shape that it has to have."""


def is_a(value: Any, kind: str) -> bool:
    """Whether a value is of one of the plain kinds."""
    if kind in (TEXT, FLAG):
        return isinstance(value, str if kind == TEXT else bool)
    if isinstance(value, bool) or not isinstance(value, int | float if kind == NUMBER else int):
        return False
    return (0 if kind == COUNT else -MOST[kind]) <= value < MOST[kind]


def what(value: Any) -> str:
    """What a value is, for whoever expected something else."""
    names = {dict: "a mapping", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
    shown = f" ({cut(repr(value), 40)})" if isinstance(value, str | int | float) else ""
    return f"{names.get(type(value), 'a number')}{shown}"


def fitted(value: Any, shape: Any, where: str, tell: Callable[[str], None]) -> Any:
    """The value without what is not of its shape, each of which is told once; raises `Unlike` where nothing is left."""
    if callable(shape):
        shape = shape(value)
    if isinstance(shape, str):
        if not is_a(value, shape):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            beyond = number and abs(value) >= MOST.get(shape, math.inf)
            told = f"{cut(repr(value), 40)}, beyond all bounds" if beyond else f"{what(value)}, and has to be {shape}"
            tell(f"{where or 'it'} is {told}")
            raise Unlike
        return value
    name = "a mapping" if isinstance(shape, dict) else "a list"
    if not isinstance(value, dict if isinstance(shape, dict) else list):
        tell(f"{where or 'it'} is {what(value)}, and has to be {name}")
        raise Unlike
    if isinstance(value, dict):
        return {**value, **fitted_keys(value, shape, where, tell)}
    if isinstance(shape, tuple):
        if len(value) != len(shape):
            tell(f"{where} has {len(value)} members, and has to have {len(shape)}")
            raise Unlike
        return [fitted(one, of, f"{where}[{n}]", tell) for n, (one, of) in enumerate(zip(value, shape, strict=True))]
    return list(fitted_members(value, shape[0], where, tell))


def fitted_members(value: list[Any], shape: Any, where: str, tell: Callable[[str], None]) -> Iterator[Any]:
    """Those members of a list that have the shape."""
    for n, one in enumerate(value):
        try:
            yield fitted(one, shape, f"{where}[{n}]", tell)
        except Unlike:
            continue


def fitted_keys(
    value: dict[str, Any], shape: dict[str, Any], where: str, tell: Callable[[str], None]
) -> dict[str, Any]:
    """What a mapping has under the keys of its shape; null where something optional is not like that."""
    found: dict[str, Any] = {}
    others = set(value) if "*" in shape else set()
    wanted = {key: inner for key, inner in shape.items() if key != "*"} | {f"{k}?": shape["*"] for k in sorted(others)}
    for key, inner in wanted.items():
        name = key.removesuffix("?")
        if key != name and value.get(name) is None:
            continue
        if name not in value:
            tell(f"{where or 'it'} has no “{name}”")
            raise Unlike
        try:
            found[name] = fitted(value[name], inner, f"{where}.{name}" if where else name, tell)
        except Unlike:
            if key == name:
                raise
            found[name] = None
    return found


def number_of(text: str) -> float:
    """A number of JSON; one that no computer holds is none."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is no number")
    return value


def parsed(content: bytes) -> Any:
    """A document of JSON. Raises `ValueError` for what is none, with NaN or without end."""
    try:
        return json.loads(content, parse_constant=number_of, parse_float=number_of)
    except RecursionError:
        raise ValueError("it is nested without end") from None


def something(found: Any) -> Any:
    """The document, but for null. Raises `ValueError` for that."""
    if found is None:
        raise ValueError("it holds nothing")
    return found


def record_of(content: bytes) -> dict[str, Any]:
    """A mapping of JSON. Raises `ValueError` for what is none."""
    found = parsed(content)
    if not isinstance(found, dict):
        raise ValueError(f"it is {what(found)}")  # noqa: TRY004 - as for whatever else is no record
    return found


def sha(data: bytes) -> str:
    """SHA-256 as hex."""
    return hashlib.sha256(data).hexdigest()


def canonical(record: dict[str, Any]) -> bytes:
    """The bytes that a digest is taken over."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def close(one: Any, other: Any) -> bool:
    """Whether two values are the same; numbers as far as they were rounded."""
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=6e-4)
    return bool(one == other)
