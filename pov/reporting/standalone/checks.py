"""The files of a folder, and what does not match in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pov.reporting.standalone.fitting import BROKEN, Unlike, close, fitted, parsed, something
from pov.reporting.standalone.letters import cut


class Checks:
    """Reads a folder of attachments; `wrong` says what does not match, `notes` what was not computed again."""

    def __init__(self, folder: Path, own: bytes = b"") -> None:
        """`own` is the file at work, where it is one: by that it tells whether another version drew the report."""
        self.folder, self.own = folder, own
        self.wrong: list[str] = []
        self.notes: list[str] = []
        self.done = 0
        self.recorded: dict[str, Any] = {}
        self.environment: dict[str, Any] = {}
        self.samples: list[dict[str, Any]] = []
        self.report: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}

    def expect(self, where: str, printed: Any, computed: Any) -> None:
        """One figure as it was printed against the same computed here."""
        self.done += 1
        if not close(printed, computed):
            self.wrong.append(f"{where}: it says {printed!r}, the samples give {computed!r}")

    @contextmanager
    def looking(self, where: str) -> Iterator[None]:
        """What cannot be computed since the files are not as they should be is one line, and the rest goes on."""
        try:
            yield
        except BROKEN as error:
            self.wrong.append(f"{where}: is not as it should be ({cut(repr(error), 120)})")

    def there(self, name: str) -> Path | None:
        """A file of this folder by the name that another one gives it; None for one that is not here."""
        try:
            path = (self.folder / name).resolve()
            inside = path.is_relative_to(self.folder.resolve()) and path.is_file()
        except (OSError, ValueError, RuntimeError):
            return None
        return path if inside else None

    def read(self, name: str) -> Any:
        """A file as JSON; None with a line of its own where it is missing or broken."""
        try:
            return something(parsed((self.folder / name).read_bytes()))
        except (OSError, ValueError) as error:
            self.wrong.append(f"{name}: cannot be read ({error})")
            return None

    def fit(self, name: str, found: Any, shape: dict[str, Any]) -> dict[str, Any]:
        """A document without what is not as it should be, a line for each of that; empty where nothing is left."""

        def tell(text: str) -> None:
            self.wrong.append(f"{name}: {text}")

        try:
            return {} if found is None else dict(fitted(found, shape, "", tell))
        except Unlike:
            return {}
        except RecursionError:
            tell("it is nested without end")
            return {}

    def optional(self, name: str, shape: dict[str, Any]) -> dict[str, Any]:
        """A file that may not be there, as far as it is as it should be."""
        return self.fit(name, self.read(name), shape) if (self.folder / name).exists() else {}
