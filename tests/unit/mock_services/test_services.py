"""The mock services as processes: who gets in, renewal, replaced roots, rollouts."""

from __future__ import annotations

import http.client
import signal
import ssl
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from pov.base.errors import NotFound, PovError, Transient
from pov.base.process import run
from pov.base.redact import Secret
from pov.base.wait import Pending, wait_for
from pov.engines.prober import Load, LoadReport, Prober, Refusals
from pov.engines.rest import Refused
from tests.unit.mock_services.balancer import Balancer
from tests.unit.mock_services.conftest import World
from tests.unit.mock_services.loads import answers, failures, start_load, until, until_counted
from tests.unit.mock_services.pki import PROBER, Authority, serial_of, spiffe
from tests.unit.mock_services.running import LIMIT_S, Estate


def connect(world: World, to: str, certs: Path, roots: str | None = None) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cadata=roots or world.estate.authority.pem)
    context.load_cert_chain(certs / "tls.crt", certs / "tls.key")
    return http.client.HTTPSConnection("127.0.0.1", world.estate.port[to], context=context, timeout=10)


def shown(connection: http.client.HTTPSConnection) -> str:
    assert isinstance(connection.sock, ssl.SSLSocket)
    return serial_of(connection.sock.getpeercert(binary_form=True))


def status(connection: http.client.HTTPSConnection, path: str = "/work") -> int:
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_the_prober_sees_edges_replicas_and_refusals(world: World) -> None:
    edges = answers(lambda: world.prober.verify("staging"))
    assert [(edge.source, edge.target) for edge in edges] == [("a", "b"), ("a", "c")]
    assert all(edge.ok and not edge.error and edge.version == "v1" for edge in edges)
    rows = answers(lambda: world.prober.identify("staging", ["b"]))
    assert [row.service for row in rows] == ["b"]
    assert rows[0].serial == edges[0].serial == serial_of((world.estate.certs("b") / "tls.crt").read_text())
    assert rows[0].expires is not None
    assert len(world.prober.identify("staging")) == 3

    def look() -> Refusals | Pending:
        found = world.prober.refusals("staging")
        return Pending(found.errors[0]) if found.errors else found

    refusals = wait_for("refusals", look, timeout_s=LIMIT_S, interval_s=0.05)
    assert (refusals.pairs, refusals.admitted) == (4, ())


def test_what_the_prober_does_not_know(world: World, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match='no estate "none"'):
        world.prober.verify("none")
    with pytest.raises(NotFound, match='no service "x"'):
        world.prober.identify("staging", ["x"])
    with pytest.raises(Refused) as refused:
        world.prober.start_load(["staging"], interval_ms=1, new_connection_interval_ms=0, timeout_ms=100)
    assert "intervalMs" in refused.value.cause
    (row,) = world.prober.identify("staging", ["just-coming"], unlisted=True)
    assert (row.service, row.error) == ("just-coming", "resolve: no replica behind just-coming-pods.staging.svc")
    for name in ("Not-A-Name", "a.b", "-a", ""):
        with pytest.raises(NotFound, match="no service"):
            world.prober.identify("staging", ["a", name], unlisted=True)
    url = world.prober._rest.url
    stranger = Prober(url, world.estate.folder / "root.pem", Secret("wrong"))
    with pytest.raises(PovError, match="does not know our token"):
        stranger.verify("staging")
    stranger.close()
    (tmp_path / "other.pem").write_text(Authority().pem)
    distrusting = Prober(url, tmp_path / "other.pem", world.estate.token)
    with pytest.raises(PovError, match="certificate was not accepted"):
        distrusting.verify("staging")
    distrusting.close()


def test_who_gets_in(world: World, tmp_path: Path) -> None:
    own = world.estate.authority
    for name, expected in {spiffe("a"): 200, PROBER: 200, spiffe("c"): 403, spiffe("a", "prod"): 403}.items():
        own.write(tmp_path / "peer", name)
        connection = connect(world, "b", tmp_path / "peer")
        assert status(connection) == expected
        connection.close()
    Authority().write(tmp_path / "stranger", spiffe("a"))
    connection = connect(world, "b", tmp_path / "stranger")
    with pytest.raises(OSError, match=r"(?i)unknown.ca|alert|reset|closed|EOF"):
        status(connection)
    connection.close()


def test_a_renewal_drops_no_connection(world: World) -> None:
    kept = connect(world, "b", world.estate.certs("a"))
    assert status(kept) == 200
    socket, before = kept.sock, shown(kept)
    load = start_load(world.prober)
    until_counted(load, lambda counts: counts.handshakes >= 4)
    for name in world.estate.names:
        world.estate.authority.write(world.estate.certs(name), spiffe(name))
    world.estate.authority.write(world.estate.certs("prober"), PROBER)

    def renewed() -> bool:
        new = connect(world, "b", world.estate.certs("a"))
        assert status(new) == 200
        found = shown(new)
        new.close()
        return found != before

    until("a new certificate", renewed)
    assert status(kept) == 200
    assert kept.sock is socket
    assert shown(kept) == before
    kept.close()
    seen = load.counts().handshakes
    until_counted(load, lambda counts: counts.handshakes >= seen + 4)
    report = load.stop()
    assert failures(report) == Counter()
    assert {len(edge.serials) for edge in report.edges} == {2}
    assert not report.running


def test_a_replaced_root_is_forgotten_and_fails_nothing(world: World, tmp_path: Path) -> None:
    estate, old, new = world.estate, world.estate.authority, Authority("new root")
    names = {name: spiffe(name) for name in estate.names} | {"prober": PROBER}
    old.write(tmp_path / "leftover", spiffe("a"))

    def roll(signer: Authority, *trusted: Authority) -> None:
        """One phase: everywhere, and in force everywhere before the next."""
        for name, uri in names.items():
            signer.write(estate.certs(name), uri, *trusted)
        wanted = {name: serial_of((estate.certs(name) / "tls.crt").read_text()) for name in estate.names}
        until(
            "the new certificates",
            lambda: {row.service: row.serial for row in world.prober.identify("staging")} == wanted,
        )
        # The prober looks at its files as often as the services do: within the half second that 12 handshakes outlast.
        until_counted(load, _grown(load))

    load = start_load(world.prober)
    until_counted(load, lambda counts: counts.handshakes >= 4)
    roll(old, old, new)
    roll(new, old, new)
    roll(new, new)
    until("the old root is refused", lambda: _refused(world, tmp_path / "leftover", new.pem))
    report = load.stop()
    assert failures(report) == Counter()
    assert all(edge.ok for edge in answers(lambda: world.prober.verify("staging")))


def _grown(load: Load) -> Callable[[LoadReport], bool]:
    seen = load.counts().handshakes
    return lambda counts: counts.handshakes >= seen + 12


def _refused(world: World, certs: Path, roots: str) -> bool:
    connection = connect(world, "b", certs, roots)
    try:
        status(connection)
        return False
    except (OSError, http.client.HTTPException):
        return True
    finally:
        connection.close()


def test_a_rollout_fails_no_request(estate: Estate) -> None:
    front = estate.spare_port()
    estate.addresses["b"] = f"127.0.0.1:{front}"
    with ExitStack() as stack:
        balancer = stack.enter_context(Balancer(front, lag_s=0.5))
        flags = ("--drain=1500ms",)
        services = [stack.enter_context(estate.service(name)) for name in ("a", "c")]
        old_port, new_port = estate.port["b"], estate.spare_port()
        old = stack.enter_context(estate.service("b", port=old_port, flags=flags))
        balancer.use([(old, old_port)])
        process, prober = estate.prober()
        stack.enter_context(process)
        stack.callback(prober.close)
        for each in (*services, old, process):
            each.until_ready()
        until("the first replica serves", lambda: all(edge.ok for edge in prober.verify("staging")))
        load = start_load(prober, interval_ms=50)
        until_counted(load, lambda counts: counts.handshakes >= 10)
        new = stack.enter_context(estate.service("b", port=new_port, version="v2", flags=flags))
        new.until_ready()
        old.signal(signal.SIGTERM)
        answer = old.page("/ready")
        balancer.use([(new, new_port)])
        assert old.wait() == 0
        assert answer is None or answer.status_code in {200, 503}
        seen = load.counts().handshakes
        until_counted(load, lambda counts: counts.handshakes >= seen + 10)
        report = load.stop()
        assert failures(report) == Counter()
        assert [row.version for row in answers(lambda: prober.identify("staging", ["b"]))] == ["v2"]


def test_loads_that_a_killed_caller_left_behind_are_stopped(estate: Estate) -> None:
    with estate.service("a") as source, estate.service("b") as target:
        probing, prober = estate.prober()
        with probing:
            for each in (source, target, probing):
                each.until_ready()
            lost = [
                prober.start_load(["staging"], interval_ms=50, new_connection_interval_ms=0, timeout_ms=200)
                for _ in range(4)
            ]
            assert all(load.counts().running for load in lost)
            assert prober.stop_loads() == 4
            assert not any(load.counts().running for load in lost)
            assert prober.stop_loads() == 0
            prober.close()


def test_a_service_without_reload_shows_its_first_certificate(estate: Estate) -> None:
    with estate.service("b", flags=("--reload=false",)) as service:
        service.until_ready()
        probing, prober = estate.prober()
        with probing:
            probing.until_ready()
            first = answers(lambda: prober.identify("staging", ["b"]))[0].serial
            estate.authority.write(estate.certs("b"), spiffe("b"))
            begun = time.monotonic()
            until("two looks would have been", lambda: time.monotonic() - begun > 1.2)
            assert answers(lambda: prober.identify("staging", ["b"]))[0].serial == first
            prober.close()


def test_not_ready_without_a_certificate_and_ready_once_it_comes(estate: Estate) -> None:
    key = estate.certs("b") / "tls.key"
    key.rename(key.with_suffix(".away"))
    with estate.service("b") as service:
        until("alive", lambda: (answer := service.page("/healthz")) is not None and answer.ok)
        answer = service.page("/ready")
        assert answer is not None
        assert answer.status_code == 503
        key.with_suffix(".away").rename(key)
        service.until_ready()
        assert not any("PRIVATE" in line for line in service.log)


def test_a_prober_that_is_gone_is_transient(world: World) -> None:
    gone = Prober("https://127.0.0.1:1", world.estate.folder / "root.pem", Secret("x"))
    with pytest.raises(Transient):
        gone.verify("staging")
    gone.close()


def test_small(estate: Estate) -> None:
    with estate.service("a") as service:
        service.until_ready()
        resident = next(
            int(line.split()[1]) for line in Path(f"/proc/{service.pid}/status").read_text().splitlines()
            if line.startswith("RssAnon")
        )  # fmt: skip
    assert resident < 16_000, "kB of its own"


def test_check_version_and_wrong_flags(estate: Estate, tmp_path: Path) -> None:
    def code(*arguments: str | Path) -> int:
        return run([str(estate.program), *map(str, arguments)], timeout_s=20, env={}, check=False).code

    assert code("check", "--certs", estate.certs("a")) == 0
    assert code("check", "--certs", tmp_path / "none") == 1
    assert code("version") == 0
    assert code() == 2
    assert code("nothing") == 2
    assert code("service", "--name", "a") == 1
    assert code("agent", "extra") == 1
