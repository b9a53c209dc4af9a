"""Reading YAML files into models, with every problem told by file, line and remedy, all at once."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent

from pov.base.errors import InvalidInput, Problem

MAX_BYTES = 256 * 1024
"""Far above any real file; a bound on what a hostile one can cost."""


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


class Model(BaseModel):
    """A part of a file: frozen, unknown keys refused, camelCase names as in Kubernetes."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=_camel)


M = TypeVar("M", bound=Model)


def load(path: Path, model: type[M]) -> M:
    """Read `path` as `model`. Raises `InvalidInput` with all problems; nothing is changed anywhere."""
    document = read_yaml(path)
    try:
        return model.model_validate(_plain(document))
    except ValidationError as error:
        raise InvalidInput([_problem(path, document, model, item) for item in error.errors()]) from error


def read_yaml(path: Path) -> CommentedMap:
    """The file as a mapping that knows its line numbers. Aliases, duplicate keys and huge files are refused."""
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else str(error.strerror)
        raise InvalidInput([Problem(str(path), reason, "check the path")]) from error
    if len(content) > MAX_BYTES:
        raise InvalidInput([Problem(str(path), f"larger than {MAX_BYTES // 1024} KiB", "is it the right file?")])
    try:
        text = content.decode()
        _refuse_aliases(path, text)
        document = YAML(typ="rt").load(text)
    except UnicodeDecodeError as error:
        raise InvalidInput([Problem(str(path), "not UTF-8 text", "save it as UTF-8")]) from error
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        problem = str(error.problem or "not YAML").split("\n", maxsplit=1)[0]
        raise InvalidInput([Problem(f"{path}:{line}", problem, "mend the YAML there")]) from error
    except (YAMLError, RecursionError) as error:
        raise InvalidInput([Problem(str(path), "not YAML", "mend the YAML")]) from error
    if not isinstance(document, CommentedMap):
        raise InvalidInput([Problem(f"{path}:1", "not a mapping of keys", "start with `apiVersion: pov.dev/v1`")])
    return document


def _refuse_aliases(path: Path, text: str) -> None:
    # Aliases are how a small file grows without bound; no file of ours needs one.
    for event in YAML(typ="rt", pure=True).parse(text):
        if isinstance(event, AliasEvent):
            where = f"{path}:{event.start_mark.line + 1}"
            raise InvalidInput([Problem(where, f"alias *{event.anchor} is not allowed", "write the value out")])


def _plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    return node


def _line(document: CommentedMap, location: Sequence[int | str]) -> int:
    node: Any = document
    line = 1
    for part in location:
        try:
            if isinstance(node, CommentedMap):
                line = node.lc.key(part)[0] + 1
                node = node[part]
            elif isinstance(node, CommentedSeq) and isinstance(part, int):
                line = node.lc.item(part)[0] + 1
                node = node[part]
            else:
                break
        except (KeyError, IndexError, AttributeError):
            break
    return line


def _problem(path: Path, document: CommentedMap, model: type[BaseModel], item: Any) -> Problem:
    location: tuple[int | str, ...] = item["loc"]
    where = f"{path}:{_line(document, location)}"
    dotted = ".".join(str(part) for part in location)
    kind, message = item["type"], str(item["msg"])
    if kind == "extra_forbidden":
        known = _keys_at(model, location[:-1])
        near = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
        fix = f"did you mean `{near[0]}`?" if near else f"known keys: {', '.join(known)}"
        return Problem(where, f"unknown key `{dotted}`", fix)
    if kind == "missing":
        return Problem(where, f"`{dotted}` is missing", f"add `{location[-1]}:`")
    message = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message[0].lower() + message[1:] if not message.startswith("`") else message
    given = f", not {item['input']!r}" if isinstance(item.get("input"), str | int | float | bool) else ""
    return Problem(where, f"{dotted}: {message}{'' if '`' in message else given}" if dotted else message)


def _keys_at(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    current: Any = model
    for part in location:
        if isinstance(part, int):
            continue
        fields = getattr(current, "model_fields", {})
        match = next((field for name, field in fields.items() if part in (name, field.alias)), None)
        if match is None:
            return []
        current = _model_in(match.annotation)
    return sorted(field.alias or name for name, field in getattr(current, "model_fields", {}).items())


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, UnionType, tuple, list, dict) or get_args(annotation):
        for argument in get_args(annotation):
            found = _model_in(argument)
            if found is not None:
                return found
    return None
