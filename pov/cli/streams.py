"""Standard output and error as they are met: closed, full, without a reader, in another encoding.

What cannot be said stops no work. A stream that fails leads nowhere from then on, and remembers why.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import select
import sys
import unicodedata
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_PLAIN = {
    "✓": "+", "✗": "x", "·": ".", "–": "-", "—": "-", "…": "...", "→": "->", "×": "x",
    "‘": "'", "’": "'", "“": '"', "”": '"', "\N{NO-BREAK SPACE}": " ", "\N{NARROW NO-BREAK SPACE}": " ",
}  # fmt: skip
_HANDLER = "pov-plain"


class Descriptor(io.RawIOBase):
    """A file descriptor that takes whatever is written: `failure` is what it said when it did not."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number
        self.failure: OSError | None = None

    def writable(self) -> bool:
        """Always."""
        return True

    def fileno(self) -> int:
        """The descriptor's number."""
        return self._number

    def isatty(self) -> bool:
        """Whether a terminal is behind it."""
        return os.isatty(self._number)

    def write(self, data: ReadableBuffer, /) -> int:
        """Write, waiting for room where another program has made the terminal non-blocking."""
        while True:
            try:
                return os.write(self._number, data)
            except BlockingIOError:
                select.select([], [self._number], [])
            except OSError as error:
                self.failure = error
                _lead_nowhere(self._number)
                return memoryview(data).nbytes


class Stream(io.TextIOWrapper):
    """Text over a `Descriptor`; letters that the encoding lacks are written as the nearest plain ones."""

    def __init__(self, like: TextIO | None, number: int) -> None:
        self.descriptor = Descriptor(number)
        codecs.register_error(_HANDLER, _plainly)
        super().__init__(
            io.BufferedWriter(self.descriptor),
            encoding=like.encoding if like is not None else "utf-8",
            errors=_HANDLER,
            line_buffering=number == 2 or self.descriptor.isatty(),
        )


def take_over() -> Stream:
    """Put such streams in the place of this process's standard ones; returns standard output.

    A closed one is opened to nowhere first: the next file that is opened would get its number, and be written into.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            _lead_nowhere(number)
    output, errors = Stream(sys.stdout, 1), Stream(sys.stderr, 2)
    sys.stdout, sys.stderr = output, errors
    return output


def say(text: str, *, errors: bool = False) -> None:
    """Print to standard output, or to standard error: without colours where nobody wants them.

    The stream is named to click, which would otherwise write UTF-8 to one that asked for ASCII.
    """
    click.echo(text, file=sys.stderr if errors else sys.stdout, color=colour())


def colour() -> bool | None:
    """False where colours are not wanted; None where the stream decides."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def ensure_utf8() -> None:
    """Start over in UTF-8 where the locale has another encoding: files are in UTF-8, whatever a terminal speaks."""
    if sys.flags.utf8_mode or sys.getfilesystemencoding().lower() in {"utf-8", "utf8"}:
        return
    terminal = getattr(sys.stdout or sys.stderr, "encoding", "ascii")
    variables = {"PYTHONIOENCODING": terminal, **os.environ}
    os.execve(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]], variables)  # noqa: S606 - this very program


def speaks_unicode(stream: TextIO) -> bool:
    """Whether marks and spinners can be written there."""
    try:
        "✓⠋".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _lead_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)
    os.set_inheritable(number, True)


def _plainly(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(letter: str) -> str:
    decomposed = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return _PLAIN.get(letter) or decomposed or "?"


def reader_went_away(error: OSError) -> bool:
    """Whether this is the end of `pov … | head`: nobody is left to be told."""
    return error.errno in {errno.EPIPE, errno.EIO}
