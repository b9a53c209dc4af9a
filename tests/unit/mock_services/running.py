"""The real program as processes on loopback: services, and a prober that looks at them."""

from __future__ import annotations

import json
import secrets
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from pov.base.ports import free_ports
from pov.base.redact import Secret
from pov.base.wait import Pending, wait_for
from pov.engines.prober import Prober
from tests.unit.mock_services.pki import PROBER, Authority, spiffe

LIMIT_S = 30.0


class Process:
    """One `pov-mock`, ended after the block whatever happened; its log is kept for the failure."""

    def __init__(self, argv: Sequence[str | Path], health: int) -> None:
        self.health = health
        self.argv = " ".join(str(part) for part in argv)
        self._child = subprocess.Popen([str(part) for part in argv], stderr=subprocess.PIPE, text=True)
        self.log: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._child.stderr is not None
        self.log.extend(self._child.stderr)

    @property
    def pid(self) -> int:
        return self._child.pid

    def signal(self, number: int) -> None:
        self._child.send_signal(number)

    def wait(self, timeout_s: float = LIMIT_S) -> int:
        return self._child.wait(timeout_s)

    def running(self) -> bool:
        return self._child.poll() is None

    def page(self, path: str) -> requests.Response | None:
        try:
            return requests.get(f"http://127.0.0.1:{self.health}{path}", timeout=2)
        except requests.RequestException:
            return None

    def until_ready(self) -> None:
        def look() -> bool | Pending:
            assert self.running(), self.log
            answer = self.page("/ready")
            if answer is not None and answer.ok:
                return True
            said = f"{answer.status_code} {answer.text}" if answer is not None else "no answer"
            return Pending(f"{self.argv} says {said}; log: {self.log[-5:]}")

        wait_for("ready", look, timeout_s=LIMIT_S, interval_s=0.02)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.running():
            self._child.kill()
        self._child.wait(LIMIT_S)
        self._reader.join(LIMIT_S)
        assert self._child.stderr is not None
        self._child.stderr.close()


class Estate:
    """Services a, b and c: a calls b and c; nobody else calls anybody. Addresses in the graph can be put elsewhere."""

    names = ("a", "b", "c")
    edges = (("a", "b"), ("a", "c"))

    def __init__(self, program: Path, folder: Path) -> None:
        self.program = program
        self.folder = folder
        self.authority = Authority()
        ports = free_ports(16)
        self.port = dict(zip(self.names, ports, strict=False))
        self._spare = ports[3:]
        self.addresses = {name: f"127.0.0.1:{port}" for name, port in self.port.items()}
        self.token = Secret(secrets.token_hex(8))
        self.stall_rate = 0.0
        self._release("v1")
        for name in self.names:
            self.authority.write(self.certs(name), spiffe(name))
        self.authority.write(self.certs("prober"), PROBER)
        self.authority.write(folder / "page")
        (folder / "root.pem").write_text(self.authority.pem)
        (folder / "token").write_text(self.token.reveal())

    def certs(self, name: str) -> Path:
        return self.folder / name

    def spare_port(self) -> int:
        return self._spare.pop()

    def _release(self, version: str) -> Path:
        path = self.folder / f"release-{version}"
        if not path.exists():
            # A service that has just been started may be reading it: written anew, it would be empty for a moment.
            path.write_text(version + "\n")
        return path

    def _calls(self, name: str) -> list[dict[str, Any]]:
        return [
            {"to": b, "address": self.addresses[b], "latencyMs": 1, "payloadBytes": 300, "stallRate": self.stall_rate}
            for a, b in self.edges
            if a == name
        ]

    def write_topology(self) -> Path:
        path = self.folder / "topology.json"
        services = {
            name: {"callers": [a for a, b in self.edges if b == name], "calls": self._calls(name),
                   "address": self.addresses[name]}
            for name in self.names
        }  # fmt: skip
        half = path.with_suffix(".new")
        half.write_text(json.dumps({"namespace": "staging", "prober": PROBER, "services": services}))
        half.replace(path)
        return path

    def service(self, name: str, *, port: int | None = None, version: str = "v1", flags: Sequence[str] = ()) -> Process:
        health = self.spare_port()
        return Process(
            [self.program, "service", "--name", name, "--namespace", "staging", "--topology", self.write_topology(),
             "--certs", self.certs(name), "--listen", f"127.0.0.1:{port or self.port[name]}",
             "--health", f"127.0.0.1:{health}", "--release", self._release(version), *flags],
            health,
        )  # fmt: skip

    def prober(self) -> tuple[Process, Prober]:
        estate = {
            "name": "staging", "namespace": "staging", "certs": str(self.certs("prober")),
            "services": list(self.names), "edges": [list(edge) for edge in self.edges],
            "addresses": {name: [address] for name, address in self.addresses.items()},
        }  # fmt: skip
        config = self.folder / "prober.json"
        config.write_text(json.dumps({"estates": [estate]}))
        listen, health = self.spare_port(), self.spare_port()
        process = Process(
            [self.program, "prober", "--config", config, "--listen", f"127.0.0.1:{listen}", "--tls",
             self.folder / "page", "--token-file", self.folder / "token", "--health", f"127.0.0.1:{health}"],
            health,
        )  # fmt: skip
        return process, Prober(f"https://127.0.0.1:{listen}", self.folder / "root.pem", self.token)
