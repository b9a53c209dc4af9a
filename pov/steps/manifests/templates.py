"""Templates among the shipped declarations, and YAML in and out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Any

import yaml

from pov.base.paths import data

_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where it is there: Argo CD's manifest has 37,000 lines, 0.4 s instead of 5."""


def render(*place: str, values: Mapping[str, object]) -> str:
    """The template `argocd/PLACE` with every `$name` replaced. A name without a value is a mistake in the program."""
    return Template(data("argocd", *place).read_text()).substitute({key: str(value) for key, value in values.items()})


def block(lines: Iterable[str], indent: int) -> str:
    """Lines for a place of their own in a template, each `indent` spaces in."""
    return "\n".join(" " * indent + line for line in lines)


def documents(text: str) -> list[dict[str, Any]]:
    """Every document of a YAML text; empty ones are left out."""
    return [document for document in yaml.load_all(text, Loader=_LOADER) if document]


def document(text: str) -> dict[str, Any]:
    """The one document of a YAML text."""
    (only,) = documents(text)
    return only


def documents_of(path: Path) -> list[dict[str, Any]]:
    """Every document of a YAML file."""
    return documents(path.read_text())
