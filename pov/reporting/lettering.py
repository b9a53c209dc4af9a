"""Which letters the fonts of reports can draw. Typst writes no PDF/A with a letter that none has: it is asked first.

The fonts are those inside Typst and those of packages that come with `pov`, never a machine's own, so that a run gives
the same pages everywhere: Latin, Greek, Cyrillic; Chinese, Japanese, Korean; Arabic, Hebrew; Thai, Lao, Khmer, Burmese;
Devanagari, Bengali, Tamil, Telugu.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pov.base.errors import PovError, Problem
from pov.base.scratch import scratch

PLACEHOLDER = "▯"
MAIN = "Libertinus Serif"
_PACKAGES = ("justmytype_intl_cjk", "justmytype_intl_rtl", "justmytype_intl_sea", "justmytype_intl_south_asia")
_HAN = ("Noto Sans SC", "Noto Sans TC", "Noto Sans JP", "Noto Sans KR")
_PAGE = """\
#set document(title: "letters")
#let wish = json("letters.json")
#set text(font: wish.fonts)
#for line in wish.texts [#line #parbreak()]
"""
_LETTER = "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]"
_RIGHT_TO_LEFT = re.compile(rf"{_LETTER}+(?:[^\w]+{_LETTER}+)*")
_ASKED = re.compile(r"[^\t\n -~]")
"""A letter that a font may lack; of ASCII none draws a control character."""
_REFUSALS = ("could not be displayed", "disallowed codepoint")


@functools.cache
def fonts() -> Any:
    """The fonts as Typst takes them."""
    import typst  # noqa: PLC0415 (a compiled library that only reports need)

    return typst.Fonts(include_system_fonts=False, font_paths=list(_folders()))


def families(texts: Iterable[str]) -> list[str]:
    """The order in which fonts are asked. The same Chinese character is drawn otherwise in Japan and in Korea."""
    seen = {unicodedata.name(letter, "").partition(" ")[0] for text in texts for letter in text if not letter.isascii()}
    first = ["Noto Sans JP"] if seen & {"HIRAGANA", "KATAKANA"} else ["Noto Sans KR"] if "HANGUL" in seen else []
    return [MAIN, *dict.fromkeys([*first, *_HAN])]


def texts_of(value: Any) -> Iterator[str]:
    """Every text in a JSON document, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from texts_of(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from texts_of(inner)


def lacking(texts: Iterable[str]) -> tuple[str, ...]:
    """The letters in `texts` that no font has; of marks that no font can put onto their letter, both."""
    told = sorted({text for text in texts if _ASKED.search(text)})
    if not told or _drawable(told):
        return ()
    letters = sorted({letter for text in told for letter in _ASKED.findall(text)})
    missing = [letter for letter in letters if not _drawable([letter])]
    for text in told:
        rest = "".join(letter for letter in text if letter not in missing)
        if not _drawable([rest]):
            missing += _ASKED.findall(rest)
    return tuple(dict.fromkeys(missing))


def without(value: Any, letters: Sequence[str]) -> Any:
    """A JSON document with a placeholder for each of `letters` in its texts."""
    if isinstance(value, str):
        return value.translate({ord(letter): PLACEHOLDER for letter in letters})
    if isinstance(value, Mapping):
        return {key: without(inner, letters) for key, inner in value.items()}
    return [without(inner, letters) for inner in value] if isinstance(value, list | tuple) else value


def isolated(value: Any) -> Any:
    """A JSON document in which right-to-left words stand apart: a date behind an Arabic name would be turned about."""
    if isinstance(value, str):
        return _RIGHT_TO_LEFT.sub("\N{FIRST STRONG ISOLATE}\\g<0>\N{POP DIRECTIONAL ISOLATE}", value)
    if isinstance(value, Mapping):
        return {key: isolated(inner) for key, inner in value.items()}
    return [isolated(inner) for inner in value] if isinstance(value, list | tuple) else value


def in_words(letters: Iterable[str]) -> str:
    """Letters by number and name, in ASCII."""
    named = [f"U+{ord(letter):04X} {unicodedata.name(letter, 'without a name')}" for letter in letters]
    return ", ".join(named[:5]) + (f" and {len(named) - 5} more" if len(named) > 5 else "")


def problems(places: Mapping[str, str]) -> list[Problem]:
    """What the report could not print, by the place where it is written."""
    if not lacking(places.values()):
        return []
    found = {place: lacking([text]) for place, text in places.items()}
    return [
        Problem(place, f"no font here draws {in_words(letters)}", "write it without")
        for place, letters in found.items()
        if letters
    ]


def _folders() -> Iterator[Path]:
    for package in _PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            yield Path(spec.origin).parent / "fonts"


def _drawable(texts: Sequence[str]) -> bool:
    import typst  # noqa: PLC0415

    with scratch() as root:
        (root / "letters.json").write_text(json.dumps({"fonts": families(texts), "texts": texts}))
        (root / "main.typ").write_text(_PAGE)
        try:
            typst.Compiler(str(root / "main.typ"), root=str(root), font_paths=fonts()).compile(
                format="pdf", pdf_standards=["a-3a"]
            )
        except RuntimeError as error:
            said = f"{error} {getattr(error, 'diagnostic', '')}"
            if any(refusal in said for refusal in _REFUSALS):
                return False
            raise PovError("the report's letters could not be looked at", cause=said) from error
    return True
