"""Reading YAML files into models, with every problem told by file, line and remedy, all at once."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.constructor import ConstructorError, RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import Node, ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter

from pov.base.errors import InvalidInput, Problem
from pov.base.files import bytes_of
from pov.config.explaining import Faults, Location, located, problems_of

MAX_BYTES = 64 * 1024
MAX_DEPTH = 24
"""Size and nesting far above any real file: bounds on what a hostile one costs (parsing is quadratic in depth)."""
_MOST_DIGITS = 100
_NO_LETTER = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\u202d\u202e\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
"""Control characters but line breaks and tabs, overrides of a text's direction, halves of letters, noncharacters."""


def camel(name: str) -> str:
    """A field's name as files write it."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


class Model(BaseModel):
    """A part of a file: frozen, unknown keys refused, camelCase names as in Kubernetes."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=camel)


M = TypeVar("M", bound=Model)


def load(path: Path, model: type[M]) -> M:
    """Read `path` as `model`. Raises `InvalidInput` with all problems; nothing is changed anywhere."""
    document = read_yaml(path)
    told = _plain(document)
    if faults := list(_unprintable(told, ())):
        raise InvalidInput(located(Faults(faults), path, document, ()))
    try:
        return model.model_validate(told)
    except ValidationError as error:
        raise InvalidInput(problems_of(error, model, path, document)) from error


class _Constructor(RoundTripConstructor):
    """Tells where a value cannot be what it looks like: a day that no month has, a number without an end."""

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        written = str(node.value) if isinstance(node, ScalarNode) else ""
        kind = str(node.tag).rpartition(":")[2]
        if kind == "int" and len(written) > _MOST_DIGITS:
            raise ConstructorError(None, None, f"a number of more than {_MOST_DIGITS} digits", node.start_mark)
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError) as error:
            told = f"`{written[:40]}` is no {'date or time' if kind == 'timestamp' else kind}: {error}"
            raise ConstructorError(None, None, told, node.start_mark) from error


def load_yaml(text: str) -> Any:
    """A YAML text with its lines, comments and quotes. Raises `YAMLError` or `ValueError` for what is none."""
    reader = YAML(typ="rt")
    reader.Constructor = _Constructor
    reader.preserve_quotes = True  # for whoever writes it again
    return reader.load(text)


def read_yaml(path: Path) -> CommentedMap:
    """The file as a mapping that knows its line numbers. Aliases, duplicate keys and huge files are refused."""
    try:
        content = bytes_of(path)
    except (OSError, ValueError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else getattr(error, "strerror", str(error))
        raise InvalidInput([Problem(str(path), reason, "check the path")]) from error
    if len(content) > MAX_BYTES:
        raise InvalidInput([Problem(str(path), f"larger than {MAX_BYTES // 1024} KiB", "is it the right file?")])
    try:
        text = content.decode()
        _refuse_bombs(path, text)
        document = load_yaml(text)
    except UnicodeDecodeError as error:
        raise InvalidInput([Problem(str(path), "not UTF-8 text", "save it as UTF-8")]) from error
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        problem = str(error.problem or "not YAML").split("\n", maxsplit=1)[0]
        raise InvalidInput([Problem(f"{path}:{line}", problem, "mend the YAML there")]) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise InvalidInput([Problem(str(path), "not YAML", "mend the YAML")]) from error
    if not isinstance(document, CommentedMap):
        raise InvalidInput([Problem(f"{path}:1", "not a mapping of keys", "start with `apiVersion: pov.dev/v1`")])
    return document


class _Representer(RoundTripRepresenter):
    """Writes `null` as `null`: nobody's file is changed where nothing was."""


_Representer.add_representer(type(None), lambda writer, _: writer.represent_scalar("tag:yaml.org,2002:null", "null"))


def written(document: CommentedMap) -> str:
    """A document that was read and changed, as text: comments and order stay."""
    into = io.StringIO()
    yaml = YAML(typ="rt")
    yaml.Representer = _Representer
    yaml.width = MAX_BYTES  # lines stay as long as somebody wrote them
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump(document, into)
    return into.getvalue()


def _refuse_bombs(path: Path, text: str) -> None:
    # Aliases are how a small file grows without bound, and nesting how it takes a parser's time; no file needs them.
    depth = 0
    for event in YAML(typ="rt", pure=True).parse(text):
        where = f"{path}:{event.start_mark.line + 1}"
        if isinstance(event, AliasEvent):
            raise InvalidInput([Problem(where, f"alias *{event.anchor} is not allowed", "write the value out")])
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise InvalidInput([Problem(where, f"nested deeper than {MAX_DEPTH} levels", "is it the right file?")])


def _plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    # The round-trip loader gives numbers that remember how they were written.
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _unprintable(node: Any, place: Location) -> Iterator[tuple[Location, str, str]]:
    """Texts with characters that no page, workbook or terminal can take as a letter, by the keys to them."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _unprintable(value, (*place, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _unprintable(value, (*place, index))
    elif isinstance(node, str) and (found := _NO_LETTER.search(node)):
        told = f"holds U+{ord(found[0]):04X}, which is no letter: it steers terminals or turns text about"
        yield place, told, "write it without"
