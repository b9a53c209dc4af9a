"""Discovery in a terminal: text that somebody typed, as the answer that the engagement file keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError
from ruamel.yaml.comments import CommentedMap

from pov.config.explaining import Faults
from pov.config.loading import camel
from pov.config.scope import Scope
from pov.scoping.questions import QUESTIONS

EXAMPLES = {
    "users": "40000",
    "availability": "99.9",
    "recovery.time_minutes": "60",
    "recovery.point_minutes": "5",
    "regions": "eu-central-1, eu-west-1",
    "residency": "EU",
    "compliance": "PCI DSS, SOC 2; none",
    "components": "legacy-core-db-01; none",
    "deal_value": "120000 USD",
    "start": "2026-12-01",
    "due": "2027-03-01",
}
_LISTS = {"regions", "compliance", "components"}
_TEXTS = {"residency", "start", "due"}


def parsed(key: str, typed: str) -> Any:
    """What was typed, as plain data. Raises `ValueError` with an example where it cannot be read."""
    text = typed.strip()
    if key in _LISTS:
        return [] if text.casefold() == "none" else [part.strip() for part in text.split(",") if part.strip()]
    if key in _TEXTS:
        return text
    if key == "deal_value":
        amount, _, currency = text.rpartition(" ")
        return {"amount": _number(amount), "currency": currency.upper()}
    value = _number(text.removesuffix("%"))
    return int(value) if value.is_integer() else value


def placed(key: str, value: Any) -> dict[str, Any]:
    """The answer where the file keeps it: `recovery.time_minutes` gives `{"recovery": {"timeMinutes": …}}`."""
    head, _, rest = key.partition(".")
    return {camel(head): {camel(rest): value} if rest else value}


def merged(scope: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """A scope as plain data with one answer laid over it."""
    found = dict(scope)
    for key, value in answer.items():
        known = found.get(key)
        deeper = key == "recovery" and isinstance(known, Mapping)
        found[key] = {**known, **value} if deeper and known is not None else value
    return found


def interview(
    known: Mapping[str, Any], ask: Callable[[str, str, str], str | None], tell: Callable[[str], None]
) -> dict[str, Any]:
    """Ask every question that is open. An empty answer leaves it open; one that cannot be is told and asked again.

    `ask` gets the question, why it is asked and an example, and returns what was typed; None ends the questions.
    Returns the scope as plain data.
    """
    scope = dict(known)
    for key, question, why in QUESTIONS:
        if _answered(scope, key):
            continue
        while True:
            typed = ask(question, why, EXAMPLES.get(key, ""))
            if typed is None:
                return scope
            if not typed.strip():
                break
            try:
                answered = merged(scope, placed(key, parsed(key, typed)))
                Scope.model_validate(answered)
            except (ValueError, Faults) as error:
                tell(_in_words(error))
                continue
            scope = answered
            break
    return scope


def _in_words(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        from pathlib import Path  # noqa: PLC0415

        from pov.config.explaining import problems_of  # noqa: PLC0415

        return "; ".join(problem.message for problem in problems_of(error, Scope, Path(), CommentedMap()))
    return str(error)


def _answered(scope: Mapping[str, Any], key: str) -> bool:
    value: Any = scope
    for part in key.split("."):
        value = value.get(camel(part)) if isinstance(value, Mapping) else None
    return value is not None


def _number(text: str) -> float:
    try:
        return float(text.replace(",", "").replace("_", ""))
    except ValueError as error:
        raise ValueError(f"`{text}` is no number") from error
