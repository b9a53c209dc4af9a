"""No field of a file that people write takes one kind of value for another."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pov import config
from pov.config.loading import Model


def _models(of: type[Model] = Model) -> Iterator[type[Model]]:
    for model in of.__subclasses__():
        yield model
        yield from _models(model)


def _adapter(annotation: Any, metadata: Sequence[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(Annotated[annotation, *metadata, None])


def _fields() -> dict[str, TypeAdapter[Any]]:
    for module in pkgutil.iter_modules(config.__path__):
        importlib.import_module(f"{config.__name__}.{module.name}")
    return {
        f"{model.__module__}.{model.__name__}.{name}": _adapter(field.annotation, field.metadata)
        for model in _models()
        if model.__module__.startswith("pov.")
        for name, field in model.model_fields.items()
    }


FIELDS = _fields()


@pytest.mark.parametrize("given", [True, False, "5", "99.5", "0.5", "true", 0, 1, 86400, 0.0, -86400.0, "0", "86400"])
def test_what_is_read_is_what_was_written(given: object) -> None:
    wrong = {}
    for name, field in FIELDS.items():
        try:
            read = field.validate_python(given)
        except ValidationError:
            continue
        as_written = not isinstance(read, date) and isinstance(read, bool) == isinstance(given, bool)
        number = isinstance(read, int | float | Decimal)
        if not as_written or number != isinstance(given, int | float):
            wrong[name] = read
    assert wrong == {}


@pytest.mark.parametrize("given", ["2026-10-01", date(2026, 10, 1)])
def test_a_day_is_read_quoted_or_not(given: object) -> None:
    days = [name for name, field in FIELDS.items() if _is_day(field, given)]
    assert len(days) >= 10
    assert not [name for name in days if FIELDS[name].validate_python(given) != date(2026, 10, 1)]


def _is_day(field: TypeAdapter[Any], given: object) -> bool:
    try:
        return isinstance(field.validate_python(given), date)
    except ValidationError:
        return False
