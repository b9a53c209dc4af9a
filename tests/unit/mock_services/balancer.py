"""A stand-in for a cluster's Service: new connections go to a replica that was ready a moment ago."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.unit.mock_services.running import Process


class Balancer:
    """Forwards TCP to the first ready replica. It looks every `lag_s` seconds: behind, as kube-proxy is."""

    def __init__(self, port: int, *, lag_s: float) -> None:
        self._backends: list[tuple[Process, int]] = []
        self._chosen: int | None = None
        self._lag_s = lag_s
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", port))
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._look, self._accept)]

    def use(self, backends: Sequence[tuple[Process, int]]) -> None:
        """The replicas: their process, and the port that each serves on."""
        self._backends = list(backends)

    def _look(self) -> None:
        while not self._over.wait(self._lag_s):
            for process, port in self._backends:
                answer = process.page("/ready")
                if answer is not None and answer.ok:
                    self._chosen = port
                    break

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._chosen or 1), timeout=5)
                except OSError:
                    client.close()
                    continue
                server.settimeout(None)
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=_pump, args=(source, target), daemon=True).start()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
    # Whoever comes second closes both; a socket that is closed twice minds nothing.
    if source.fileno() >= 0:
        source.close()
