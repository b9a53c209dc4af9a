"""What a terminal showed, with secrets taken out: known ones, and what looks like a key, a token or a password.

A terminal shows a typed secret letter by letter, with escape sequences in between. So output is held back until its
line has ended; only then is it looked through and let go, each part with the time at which it was shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pov.base.redact import HIDDEN, Secret

_SHORTEST = 6
_MOST = 65_536
"""Characters that are held back at most: a program that fills the screen may never end its line."""
_KEPT_BACK = 4_096
_KEY_LINES = 200
"""Lines after which the beginning of a private key without an end hides nothing more: the longest have about 100."""

_STRING = r"\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|\Z)"
_UNSEEN = re.compile(
    rf"(?P<erased>\x08(?: \x08|\x1b\[K))|(?P<string>{_STRING})|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]| \r(?!\n)"
    r"|[\x00-\x08\x0b-\x1f\x7f]"
)
"""What is no letter on the screen: one taken back, a string for the terminal itself, a sequence, a wrapped line."""

_WORDS = r"pass(?:word|wd|phrase)?|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|authorization|credentials?"
_LOOKS_SECRET = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?i)(?:{_WORDS})\w*[\"']?\s*[:=]\s*[\"']?(?:bearer\s+|basic\s+)?(?P<hide>[^\s\"']{{4,}})",
        r"(?i)\b(?:bearer|basic)\s+(?P<hide>[\w.~+/=-]{8,})",
        rf"(?i)--?(?:{_WORDS})[= ]\s*[\"']?(?P<hide>[^\s\"']{{4,}})",
        r"://[^/\s:@]*:(?P<hide>[^@\s/]+)@",
        r"(?P<hide>\b(?:hv[sbr]|s)\.[\w-]{20,})",
        r"(?P<hide>\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-)[\w-]{16,})",
        r"(?P<hide>\b(?:AKIA|ASIA)[0-9A-Z]{16}\b)",
        r"(?P<hide>\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)",
        r"(?P<hide>\$argon2\w*\$\S+|\$[1256yab]{1,2}\$[./\w$]{8,})",
    )
)
_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----")
_KEY_ENDS = re.compile(r"-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----")

Shown = tuple[float, str]
"""A time in seconds, and what was shown then."""
Span = tuple[int, int, str]


@dataclass(frozen=True)
class _Seen:
    """The letters of an output, and the place of each in it."""

    text: str
    places: Sequence[int]


class Masker:
    """Takes output as it comes and lets it go without secrets. What it holds is in memory alone."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        parts = {part for secret in secrets for part in (secret.reveal(), *secret.reveal().splitlines())}
        # The longest first: a secret may be a part of another.
        self._known = sorted((p for part in parts if len(p := part.strip()) >= _SHORTEST), key=len, reverse=True)
        self._held: list[Shown] = []
        self._length = 0
        self._key_lines = 0

    def take(self, at: float, text: str) -> list[Shown]:
        """Hear what was shown at a time; returns what can be let go by now."""
        self._held.append((at, text))
        self._length += len(text)
        if "\n" in text:
            whole = "".join(part for _, part in self._held)
            return self._let_go(whole.rfind("\n") + 1)
        return self._let_go(self._length - _KEPT_BACK) if self._length > _MOST else []

    def rest(self) -> list[Shown]:
        """What is left, at the end."""
        return self._let_go(self._length)

    def _let_go(self, end: int) -> list[Shown]:
        whole = "".join(part for _, part in self._held)
        spans = _joined(self._spans(whole))
        # A secret that goes on behind the end stays back as a whole.
        end = min([end, *(begin for begin, stop, _ in spans if begin < end < stop)])
        times, self._held, at = self._held, [], 0
        gone: list[Shown] = []
        for time, part in times:
            kept = _without(part, at, min(end, at + len(part)), spans)
            if kept:
                gone.append((time, kept))
            if at + len(part) > end:
                self._held.append((time, part[max(0, end - at) :]))
            at += len(part)
        self._length = sum(len(part) for _, part in self._held)
        self._note_open_key(_seen(whole[:end]).text)
        return gone

    def _note_open_key(self, text: str) -> None:
        begun = [match.end() for match in _KEY_BEGINS.finditer(text)]
        ended = [match.end() for match in _KEY_ENDS.finditer(text)]
        if begun and (not ended or ended[-1] < begun[-1]):
            self._key_lines = _KEY_LINES
        elif ended:
            self._key_lines = 0
        else:
            self._key_lines = max(0, self._key_lines - text.count("\n"))

    def _spans(self, whole: str) -> Iterator[Span]:
        seen = _seen(whole)
        for begin, end in (*self._keys(seen.text), *self._secrets(seen.text)):
            if begin < end:
                yield seen.places[begin], seen.places[end - 1] + 1, HIDDEN
        # Titles, links, the clipboard: what a player's terminal is told to do is none of the record.
        for match in _UNSEEN.finditer(whole):
            if match["string"]:
                yield match.start(), match.end(), ""

    def _keys(self, text: str) -> Iterator[tuple[int, int]]:
        at = 0
        if self._key_lines:
            end = _KEY_ENDS.search(text)
            at = end.end() if end else len(text)
            yield 0, at
        while found := _KEY_BEGINS.search(text, at):
            end = _KEY_ENDS.search(text, found.end())
            at = end.end() if end else len(text)
            yield found.start(), at

    def _secrets(self, text: str) -> Iterator[tuple[int, int]]:
        for part in self._known:
            at = text.find(part)
            while at >= 0:
                yield at, at + len(part)
                at = text.find(part, at + len(part))
        for pattern in _LOOKS_SECRET:
            for match in pattern.finditer(text):
                yield match.span("hide")


def _seen(whole: str) -> _Seen:
    letters: list[str] = []
    places: list[int] = []
    at = 0
    for match in _UNSEEN.finditer(whole):
        letters += whole[at : match.start()]
        places += range(at, match.start())
        if match["erased"] and letters:
            letters.pop()
            places.pop()
        at = match.end()
    letters += whole[at:]
    places += range(at, len(whole))
    return _Seen("".join(letters), places)


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that overlap as one."""
    found: list[Span] = []
    for begin, end, instead in sorted(spans):
        if found and begin < found[-1][1]:
            first, last, before = found[-1]
            found[-1] = (first, max(last, end), before or instead)
        else:
            found.append((begin, end, instead))
    return found


def _without(part: str, at: int, end: int, spans: Iterable[Span]) -> str:
    """The part of an output that begins at `at`, up to `end`, with spans replaced where each begins."""
    kept, here = [], at
    for begin, stop, instead in spans:
        if stop <= here or begin >= end:
            continue
        if begin >= here:
            kept.append(part[here - at : begin - at])
            kept.append(instead)
        here = min(max(here, stop), end)
    kept.append(part[here - at : end - at] if here < end else "")
    return "".join(kept)
