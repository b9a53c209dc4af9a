"""Estates and their prober as processes on loopback: the load of `gitops-35` without a cluster."""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pov.base.ports import free_ports
from pov.base.redact import Secret
from pov.config.estates import Estate
from pov.engines.prober import Prober
from pov.model.topology import Edge
from tests.unit.mock_services.pki import PROBER, Authority, spiffe
from tests.unit.mock_services.running import Process


def estate(name: str, services: int, edges: int) -> Estate:
    """An estate of that many services and edges, each service calling as many others as it takes."""
    names = [f"s{number}" for number in range(services)]
    pairs = sorted(itertools.permutations(names, 2), key=lambda pair: (int(pair[1][1:]) - int(pair[0][1:])) % services)
    chosen = tuple(Edge(source, target, 2.0, 0.0, 500) for source, target in pairs[:edges])
    return Estate(name, "gitops", name, tuple(names), chosen, 1)


class Local:
    """Running estates; `stall_rate` by estate is the share of its requests that are never answered."""

    def __init__(self, program: Path, folder: Path, estates: Sequence[Estate], stall_rate: dict[str, float]) -> None:
        self._program = program
        self._folder = folder
        self._authority = Authority()
        self._estates = estates
        self._stall_rate = stall_rate
        self.processes: dict[tuple[str, str], Process] = {}
        self.probing: Process | None = None
        count = sum(len(estate.services) for estate in estates)
        self._ports = iter(free_ports(2 * count + 2))
        self._addresses = {
            (estate.name, name): f"127.0.0.1:{next(self._ports)}" for estate in estates for name in estate.services
        }

    @contextmanager
    def running(self) -> Iterator[Prober]:
        """Every service and the prober, ready; they end with the block."""
        with ExitStack() as stack:
            started = [stack.enter_context(one) for estate in self._estates for one in self._services(estate)]
            process, prober = self._prober()
            self.probing = process
            stack.enter_context(process)
            stack.callback(prober.close)
            for one in (*started, process):
                one.until_ready()
            yield prober

    def _services(self, estate: Estate) -> Iterator[Process]:
        home = self._folder / estate.name
        home.mkdir()
        (home / "topology.json").write_text(json.dumps(self._topology(estate)))
        (home / "release").write_text("v1\n")
        for name in estate.services:
            self._authority.write(home / name, spiffe(name, estate.namespace))
            health = next(self._ports)
            argv: list[str | Path] = [
                self._program, "service", "--name", name, "--namespace", estate.namespace,
                "--topology", home / "topology.json", "--certs", home / name,
                "--listen", self._addresses[estate.name, name], "--health", f"127.0.0.1:{health}",
                "--release", home / "release",
            ]  # fmt: skip
            self.processes[estate.name, name] = Process(argv, health)
            yield self.processes[estate.name, name]

    def _topology(self, estate: Estate) -> dict[str, Any]:
        services = {
            name: {
                "callers": [edge.source for edge in estate.edges if edge.target == name],
                "address": self._addresses[estate.name, name],
                "calls": [
                    {
                        "to": edge.target,
                        "address": self._addresses[estate.name, edge.target],
                        "latencyMs": edge.latency_ms,
                        "stallRate": self._stall_rate.get(estate.name, 0.0),
                        "payloadBytes": edge.payload_bytes,
                    }
                    for edge in estate.edges
                    if edge.source == name
                ],
            }
            for name in estate.services
        }
        return {"namespace": estate.namespace, "prober": PROBER, "services": services}

    def _prober(self) -> tuple[Process, Prober]:
        folder = self._folder
        self._authority.write(folder / "prober", PROBER)
        self._authority.write(folder / "page")
        (folder / "root.pem").write_text(self._authority.pem)
        token = Secret(secrets.token_hex(16))
        (folder / "token").write_text(token.reveal())
        listed = [
            {
                "name": estate.name,
                "namespace": estate.namespace,
                "certs": str(folder / "prober"),
                "services": list(estate.services),
                "edges": [[edge.source, edge.target] for edge in estate.edges],
                "addresses": {name: [self._addresses[estate.name, name]] for name in estate.services},
            }
            for estate in self._estates
        ]
        (folder / "prober.json").write_text(json.dumps({"estates": listed}))
        listen, health = next(self._ports), next(self._ports)
        argv: list[str | Path] = [
            self._program, "prober", "--config", folder / "prober.json", "--listen", f"127.0.0.1:{listen}",
            "--tls", folder / "page", "--token-file", folder / "token", "--health", f"127.0.0.1:{health}",
        ]  # fmt: skip
        return Process(argv, health), Prober(f"https://127.0.0.1:{listen}", folder / "root.pem", token)
