"""What runs beside a person's sitting: the recording, and the look for the change on a thread of its own."""

from __future__ import annotations

import codecs
import os
import threading
from collections.abc import Callable, Iterable

from pov.base.masking import Masker
from pov.base.redact import Secret
from pov.engines.terminal import Size
from pov.model import asciicast

STOP_S = 30.0
"""Within which a thread that was told to stop has ended."""


class Tape:
    """The recording of one sitting: output without secrets and without shells' tellings, sizes, marks. No input."""

    def __init__(self, recorder: asciicast.Recorder, secrets: Iterable[Secret]) -> None:
        self.recorder = recorder
        self._masker = Masker(secrets)
        self._letters = codecs.getincrementaldecoder("utf-8")("replace")

    def output(self, at: float, data: bytes) -> None:
        """What the shell showed."""
        for time, text in self._masker.take(at, self._letters.decode(data)):
            self.recorder.add(time, asciicast.OUTPUT, text)

    def resized(self, at: float, size: Size) -> None:
        """The terminal has another size."""
        self._release()
        self.recorder.add(at, asciicast.RESIZED, str(size))

    def mark(self, at: float, text: str) -> None:
        """Something that is no output."""
        self._release()
        for _, shown in (*self._masker.take(at, text), *self._masker.rest()):
            self.recorder.add(at, asciicast.MARKED, shown)

    def close(self) -> None:
        """The rest, and the end."""
        self._release()
        self.recorder.close()

    def _release(self) -> None:
        for time, text in self._masker.rest():
            self.recorder.add(time, asciicast.OUTPUT, text)


class Watch:
    """Looks until everything is seen, on a thread of its own; `descriptor` is readable once it has ended."""

    def __init__(self, look: Callable[[], object]) -> None:
        self.descriptor, self._tell = os.pipe()
        self.error: Exception | None = None
        self._look = look
        self._thread = threading.Thread(target=self._run, name="seen by prober", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._look()
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits for it
            self.error = error
        os.write(self._tell, b".")

    def end(self) -> None:
        """Wait for the thread, which was told to stop."""
        self._thread.join(STOP_S)
        if not self._thread.is_alive():
            os.close(self.descriptor)
            os.close(self._tell)
