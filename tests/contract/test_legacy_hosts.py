"""The legacy estate's hosts for real: image, entrypoint, sshd at the end of a command, runbooks, prober.

What the cluster would mount is written to folders, so that what the step makes is what the host gets. Only the network
between the hosts is missing: services are asked who they are, and call nobody.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.errors import PovError, TimedOut
from pov.base.files import write_atomic
from pov.base.paths import data
from pov.base.ports import free_ports
from pov.base.redact import Secret, random_secret
from pov.base.wait import Pending, wait_for
from pov.bundle import Bundle
from pov.config.estates import LEGACY, estates
from pov.config.legacy import Host, Placed, identity
from pov.config.scenario import Scenario
from pov.engines.ansible import Runbooks, Target
from pov.engines.certificates import Trust, details
from pov.engines.containers import Containers
from pov.engines.legacy_ca import LegacyCa
from pov.engines.prober import Identity, Prober
from pov.engines.runbook_text import Written
from pov.engines.ssh import Target as SshTarget
from pov.engines.ssh import make_key
from pov.experiments import provision_hosts
from pov.experiments.brought import Digested, OwnScript
from pov.experiments.host_traces import HISTORY_FILE, SHELL, answers_of_host, histories, reading, typed_by_hand
from pov.experiments.presenting import on_hosts, replaced, served
from pov.experiments.releases import BuiltReleases
from pov.experiments.rotate import extensions
from pov.experiments.scripted import shipped
from pov.experiments.seat import People, Seat
from pov.experiments.secret import fingerprint
from pov.experiments.telling import tell
from pov.measure.order import Slot
from pov.model.asciicast import OUTPUT, read_cast
from pov.state.home import Home
from pov.steps.context import Context
from pov.steps.legacy import estate as legacy
from pov.steps.legacy.ssh import _COMMON, _SSHD
from tests.fakes.kube import FakeKube
from tests.unit.experiments.desk import Desk

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]

SCENARIO = Scenario.model_validate(
    {
        "apiVersion": "pov.dev/v1",
        "kind": "Scenario",
        "metadata": {"name": "two-hosts", "title": "Two hosts"},
        "services": {"count": 4},
        "stages": [{"name": "staging"}],
        "povServices": 3,
        "legacy": {"hosts": 2},
    }
)
RUN_S = 120.0


@dataclass
class Hosts:
    """Two running hosts, a prober that knows them, and the way to them."""

    ctx: Context
    containers: Containers
    names: dict[str, str]
    prober: Prober
    sshd: Sequence[str] = _SSHD

    @property
    def hosts(self) -> tuple[Host, ...]:
        return legacy.hosts_of(self.ctx)

    def runbooks(self, key: Secret | None = None, public: str | None = None) -> Runbooks:
        engine = [*(f"{name}={value}" for name, value in self.containers.env().items()), self.containers.kind]
        targets = []
        for host in self.hosts:
            command = ("env", *engine, "exec", "--interactive", self.names[host.name], *self.sshd)
            held = self.ctx.kube.secret(legacy.secret_name(host), LEGACY)
            assert held is not None
            key_of_host = public or held[legacy.HOST_PUBLIC_KEY].decode()
            variables = {"host_services": [asdict(placed) for placed in host.services]}
            targets.append(Target(SshTarget(host.name, command, key_of_host), variables))
        folder = data("mock_services", "legacy", "runbooks")
        return Runbooks(folder, targets, user="root", key=key or legacy.client_key(self.ctx), common=_COMMON)

    def identities(self) -> dict[str, Identity]:
        return {row.service: row for row in self.prober.identify(LEGACY)}

    def settled(self, wished: Callable[[Identity], bool]) -> dict[str, Identity]:
        def look() -> dict[str, Identity] | Pending:
            found = self.identities()
            bad = [row for row in found.values() if row.error or not wished(row)]
            return Pending(f"{bad[0].service}: {bad[0].error}") if bad else found

        return wait_for("every service", look, timeout_s=60, interval_s=0.2)

    def on(self, host: Host, *argv: str) -> str:
        return self.containers.exec(self.names[host.name], *argv).stdout

    def left_alone(self, host: Host) -> None:
        """Wait until no connection is open: the host's end of one that was closed takes a moment to go."""

        def look() -> Pending | None:
            processes = self.on(host, "ps", "-eo", "comm")
            return Pending(f"processes {processes.split()}") if "sshd" in processes else None

        wait_for(f"{host.name} without a connection", look, timeout_s=20, interval_s=0.1)


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory, bundle: Bundle) -> Context:
    fake: Any = FakeKube()
    nothing: Any = None
    found = Context(
        name="hosts",
        scenario=SCENARIO,
        engagement=None,
        home=Home(tmp_path_factory.mktemp("hosts") / "it's a 100% odd home"),
        cluster=nothing,
        topology=nothing,
        estates=estates(SCENARIO),
        emit=lambda event: None,
    )
    found.kube, found.bundle = fake, bundle
    found.trust, _ = Trust.ensure(found.home)
    found.kube.apply(legacy.manifests(found), set_name="legacy")
    return found


@pytest.fixture(scope="module")
def hosts(
    ctx: Context,
    containers: Containers,
    bundle: Bundle,
    image: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Hosts]:
    folder = tmp_path_factory.mktemp("mounted")
    reference = image("legacy-host")
    names: dict[str, str] = {}
    addresses: dict[str, list[str]] = {}
    try:
        for host in legacy.hosts_of(ctx):
            names[host.name] = f"pov-contract-{host.name}-{secrets.token_hex(3)}"
            mounts = _mounted(ctx, host, folder / host.name)
            ports = dict(zip((placed.port for placed in host.services), free_ports(len(host.services)), strict=True))
            published = [part for inside, outside in ports.items() for part in ("-p", f"127.0.0.1:{outside}:{inside}")]
            flags = [part for source, target in mounts.items() for part in ("-v", f"{source}:{target}:ro")]
            entry = ("--entrypoint", "/bin/sh", reference, "/layout/entrypoint.sh")
            containers.run("run", "--detach", "--name", names[host.name], *published, *flags, *entry, timeout_s=120)
            addresses |= {placed.service: [f"127.0.0.1:{ports[placed.port]}"] for placed in host.services}
        with _prober(ctx, bundle.binaries["pov-mock"], addresses, tmp_path_factory.mktemp("prober")) as prober:
            found = Hosts(ctx, containers, names, prober)
            found.settled(lambda row: True)
            yield found
    finally:
        for name in names.values():
            containers.remove(name)


def _mounted(ctx: Context, host: Host, folder: Path) -> dict[Path, str]:
    """What the pod would mount, as folders."""
    layout, services = (ctx.kube.get("ConfigMap", name, LEGACY) for name in ("layout", host.name))
    keys = ctx.kube.secret(legacy.secret_name(host), LEGACY)
    assert layout is not None
    assert services is not None
    assert keys is not None
    parts = {"layout": layout["data"], "host": services["data"], "secrets": {k: v.decode() for k, v in keys.items()}}
    for part, files in parts.items():
        (folder / part).mkdir(parents=True)
        for name, text in files.items():
            (folder / part / name).write_text(text)
    return {folder / part: f"/{part}" for part in parts}


class _prober:  # noqa: N801 - read as a function
    """The prober's program on this machine, told where the hosts' ports are."""

    def __init__(self, ctx: Context, program: Path, addresses: dict[str, list[str]], folder: Path) -> None:
        port, health = free_ports(2)
        ca = LegacyCa.load(ctx.home.secrets_dir)
        pair, page = ca.issue(["prober", identity("pov-system", "prober")]), ctx.trust.server(["prober"])
        for name, found, roots in (("certs", pair, ca.pem), ("tls", page, ctx.trust.ca_pem)):
            (folder / name).mkdir()
            (folder / name / "tls.crt").write_text(found.certificate)
            (folder / name / "tls.key").write_text(found.key.reveal())
            (folder / name / "ca.crt").write_text(roots)
        estate = {
            "name": LEGACY,
            "kind": LEGACY,
            "namespace": LEGACY,
            "certs": str(folder / "certs"),
            "services": sorted(addresses),
            "edges": [],
            "addresses": addresses,
        }
        (folder / "prober.json").write_text(json.dumps({"estates": [estate]}))
        token = Secret(secrets.token_urlsafe(16))
        (folder / "token").write_text(token.reveal())
        flags = {
            "config": folder / "prober.json",
            "listen": f"127.0.0.1:{port}",
            "tls": folder / "tls",
            "token-file": folder / "token",
            "health": f"127.0.0.1:{health}",
        }
        self._argv = [str(program), "prober", *(f"--{name}={value}" for name, value in flags.items())]
        self._prober = Prober(f"https://127.0.0.1:{port}", ctx.trust.ca_path, token)

    def __enter__(self) -> Prober:
        self._process = subprocess.Popen(self._argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("the prober", lambda: self._prober.identify(LEGACY), timeout_s=20, interval_s=0.1)
        return self._prober

    def __exit__(self, *_: object) -> None:
        self._prober.close()
        self._process.terminate()
        self._process.wait(10)


def test_the_baseline_is_laid_out_and_serves(hosts: Hosts) -> None:
    found = hosts.identities()
    assert {row.version for row in found.values()} == {legacy.BASELINE}
    assert {row.error for row in found.values()} == {""}
    for host in hosts.hosts:
        users = hosts.on(host, "sh", "-c", "ps -eo user:20,args | grep '[p]ov-mock service' | cut -d' ' -f1 | sort -u")
        assert users.split() == ["65532"], "services are not root"
        key = hosts.on(host, "sh", "-c", "stat -c '%a %u' /etc/pov/certs/*/tls.key | sort -u")
        assert key == "400 65532\n"


def test_the_deploy_runbook_puts_a_release_there_host_by_host(hosts: Hosts, bundle: Bundle, tmp_path: Path) -> None:
    def never(*_: object) -> Any:
        raise AssertionError

    archive = BuiltReleases("x:1", bundle.binaries["pov-mock"], never, never).archive("2.0.0-a", tmp_path)
    scope = list(SCENARIO.pov_services)
    with hosts.runbooks() as books:
        books.check("deploy.yml", {"services": scope})
        variables = {"release": str(archive), "version": "2.0.0-a", "services": scope}
        before = {name: row.version for name, row in hosts.identities().items()}
        brought = books.run("distribute.yml", variables, timeout_s=RUN_S)
        assert {name: row.version for name, row in hosts.identities().items()} == before, (
            "it touches nothing that serves"
        )
        tasks = books.run("deploy.yml", variables, timeout_s=RUN_S)
    served = {name: row.version for name, row in hosts.identities().items()}
    assert {name for name, version in served.items() if version == "2.0.0-a"} == set(scope)
    assert [task.name for task in brought if task.host == "legacy-1"] == ["make folder", "copy release"] * 2
    steps = ["stop service", "swap link", "start service", "health check"]
    assert [task.name for task in tasks if task.host == "legacy-1"] == steps * 2
    order = [task.host for task in tasks]
    assert order == sorted(order), "one host after the other"
    assert all(task.seconds > 0 for task in tasks)
    assert not books.folder.exists()
    for host in hosts.hosts:
        hosts.left_alone(host)


def test_a_person_types_the_runbook_at_a_terminal(hosts: Hosts, bundle: Bundle, tmp_path: Path) -> None:
    """A script in their place: real shells, real ssh with the estate's own key, mistakes and all."""

    def never(*_: object) -> Any:
        raise AssertionError

    archive = BuiltReleases("x:1", bundle.binaries["pov-mock"], never, never).archive("2.0.0-p", tmp_path)
    host = hosts.hosts[0]
    placed = next(placed for placed in host.services if placed.service in SCENARIO.pov_services)
    variables = {"release": str(archive), "version": "2.0.0-p", "services": [placed.service]}
    seat = Seat(Slot("deploy", "person", 1), "sam", People(("sam",), simulated=True), tmp_path / "people")

    def types(desk: Desk, book: Written) -> None:
        desk.until("How often")
        desk.type("n")
        desk.until("Press Enter")
        desk.type("\r")
        desk.until("here:desk> ")
        desk.type(f"ssh {host.name}\r")
        desk.until("# ")
        desk.type("healthy 1\r")
        desk.until("# ")
        # The commands as the runbook has them: what stands indented below a step's name.
        *commands, last = re.findall(r"^ {7}(\S.*)$", book.text, re.MULTILINE)
        assert len(commands) == 3
        for number, command in enumerate(commands[:-1]):
            desk.type(f"{command}; echo en$((1))d-{number}\r")
            desk.until(f"en1d-{number}")
        desk.type("\x1ds")
        desk.until(f"done: {placed.service}")
        # The prober may see it, and stop the clock, as soon as the service has started.
        desk.type(f"{commands[-1]}\r{last}\r")

    def look() -> None:
        hosts.settled(lambda row: row.version == "2.0.0-p" or row.service != placed.service)

    with hosts.runbooks() as books, Desk() as desk:
        seat.people = replace(seat.people, terminal=desk.terminal)
        books.run("distribute.yml", variables, timeout_s=RUN_S)
        book = books.written("deploy.yml", variables)
        with desk.plays(lambda desk: types(desk, book)):
            seat.until_ready("a new version", book.text)
            seat.work(books.workplace(), book, look, lambda: None)
    assert book.parts == (f"{placed.service} on {host.name}",)
    assert "{{" not in book.text
    session, cast = seat.session, read_cast(tmp_path / "people" / "deploy-person-1.cast")
    assert session.failed_commands >= 1
    assert session.failed_checks >= 1
    assert [name for _, name in session.marks] == list(book.parts)
    assert session.commands >= 3
    assert session.lost_connections == 0
    shown = "".join(event.text for event in cast.events if event.kind == OUTPUT)
    assert host.name in shown
    assert "PRIVATE KEY" not in shown
    assert seat.experience == "never"
    assert hosts.on(host, "sh", "-c", "cat /root/.bash_history 2>/dev/null || true") == "", "no history is kept"


def test_the_rotate_runbook_gives_every_service_a_new_certificate(hosts: Hosts) -> None:
    before = {name: row.serial for name, row in hosts.identities().items()}
    ca = LegacyCa.load(hosts.ctx.home.secrets_dir)
    with hosts.runbooks() as books:
        for name in before:
            (books.folder / f"{name}.cnf").write_text(extensions(LEGACY, name))
        variables = {
            "services": list(before),
            "ca": str(ca.certificate),
            "ca_key": str(ca.key),
            "days": 365,
            "requests": str(books.folder),
        }
        tasks = books.run("rotate.yml", variables, timeout_s=RUN_S)
    after = hosts.settled(lambda row: row.serial not in before.values())
    assert len({row.serial for row in after.values()}) == len(before)
    steps = ["make key and request", "sign request", "copy certificate", "restart service", "health check"]
    assert [task.name for task in tasks if task.host == "legacy-2"] == steps * 2


def test_a_service_that_reads_its_files_once_keeps_its_old_certificate(hosts: Hosts) -> None:
    host = hosts.hosts[0]
    name = host.services[0].service
    before = hosts.identities()[name].serial
    folder = f"/etc/pov/certs/{name}"
    pair = LegacyCa.load(hosts.ctx.home.secrets_dir).issue([name, identity(LEGACY, name)])
    for file, text in (("tls.key", pair.key.reveal()), ("tls.crt", pair.certificate)):
        hosts.containers.exec(hosts.names[host.name], "sh", "-c", f"cat >{folder}/{file}", stdin=text.encode())
    assert hosts.identities()[name].serial == before
    hosts.on(host, "sv", "restart", f"/etc/service/{name}")
    hosts.settled(lambda row: row.service != name or row.serial != before)


def test_a_failing_step_names_itself_and_its_host(hosts: Hosts) -> None:
    variables = {"release": "/nowhere.tar.gz", "version": "3", "services": [SCENARIO.pov_services[0]]}
    with hosts.runbooks() as books, pytest.raises(PovError) as caught:
        books.run("distribute.yml", variables, timeout_s=RUN_S)
    assert "copy release on legacy-1" in caught.value.cause
    assert "/nowhere.tar.gz" in caught.value.cause


def test_a_customer_s_runbook_runs_from_its_own_folder_and_a_failing_step_names_itself(
    hosts: Hosts, tmp_path: Path
) -> None:
    folder = tmp_path / "their books"
    folder.mkdir()
    (folder / "deploy.yml").write_text(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - include_tasks: look.yml\n"
        '    - name: ask the change board\n      ansible.builtin.raw: "echo {{ version }} is refused; exit 7"\n'
    )
    (folder / "look.yml").write_text("- name: look around\n  ansible.builtin.raw: ls {{ release_root }}\n")
    playbook = str(folder / "deploy.yml")
    variables = {"release": "x", "version": "3", "services": [SCENARIO.pov_services[0]]}
    with hosts.runbooks() as books:
        books.check(playbook, variables)
        with pytest.raises(PovError) as caught:
            books.run(playbook, variables, timeout_s=RUN_S)
    assert "ask the change board on legacy-" in caught.value.cause
    assert "3 is refused" in caught.value.cause


def test_a_runbook_that_takes_too_long_is_ended(hosts: Hosts) -> None:
    with hosts.runbooks() as books, pytest.raises((TimedOut, PovError)) as caught:
        books.run(
            "deploy.yml", {"release": "x", "version": "3", "services": list(SCENARIO.pov_services)}, timeout_s=0.01
        )
    assert "deploy.yml" in caught.value.message


def test_a_stranger_is_kept_out_and_a_strange_host_is_not_talked_to(hosts: Hosts) -> None:
    stranger = make_key("stranger")
    variables = {"release": "x", "version": "3", "services": [SCENARIO.pov_services[0]]}
    with hosts.runbooks(key=stranger.private) as books, pytest.raises(PovError) as caught:
        books.run("deploy.yml", variables, timeout_s=RUN_S)
    assert "Permission denied" in caught.value.cause
    with hosts.runbooks(public=stranger.public) as books, pytest.raises(PovError) as caught:
        books.run("deploy.yml", variables, timeout_s=RUN_S)
    assert "Host key verification failed" in caught.value.cause


def _scripted(
    hosts: Hosts,
    books: Runbooks,
    own: OwnScript,
    experiment: str,
    variables: Mapping[str, Any],
    on: Sequence[Host] = (),
) -> str:
    """Run a script as an arm would; returns what it printed. Raises as it does."""
    services = variables["services"]
    told = tell(own, Slot(experiment, "mine", 1), on or hosts.hosts, services, variables=variables, folder=books.folder)
    log = books.folder / "log"
    script = books.script(own.argv, told, folder=own.folder, log=log, secret_files=[])
    try:
        script.run(timeout_s=RUN_S)
    finally:
        script.close()
    return log.read_text()


def _release(bundle: Bundle, folder: Path, version: str) -> dict[str, Any]:
    def never(*_: object) -> Any:
        raise AssertionError

    archive = BuiltReleases("x:1", bundle.binaries["pov-mock"], never, never).archive(version, folder)
    return {"release": str(archive), "version": version, "services": list(SCENARIO.pov_services)}


@pytest.fixture
def example(tmp_path: Path) -> OwnScript:
    """The script of docs/own-arm.md, as it stands there."""
    blocks = re.findall(r"```bash\n(.*?)```", data("docs", "own-arm.md").read_text(), re.DOTALL)
    (text,) = blocks
    path = tmp_path / "deploy.sh"
    path.write_text(text)
    path.chmod(0o755)
    return OwnScript((str(path),), tmp_path, RUN_S, Digested.of(path), RUN_S)


def impatient(folder: Path) -> OwnScript:
    """The shipped script for a deployment, which gives a service up after 5 seconds and not after 15."""
    shutil.copytree(data("scripts"), folder / "scripts")
    part = folder / "scripts" / "on_host.sh"
    patient, text = "\nready_within_s=15\n", part.read_text()
    assert patient in text
    part.write_text(text.replace(patient, "\nready_within_s=5\n"))
    path = part.with_name("deploy.sh")
    return OwnScript((str(path),), path.parent, RUN_S, Digested.of(path), RUN_S)


@pytest.mark.parametrize("kind", ["example", "shipped"])
def test_a_script_deploys_and_is_done_when_it_is_run_again(
    hosts: Hosts, bundle: Bundle, tmp_path: Path, example: OwnScript, kind: str
) -> None:
    own = example if kind == "example" else shipped("deploy")
    variables = _release(bundle, tmp_path, f"3.0.0-{kind}")
    with hosts.runbooks() as books:
        books.run("distribute.yml", variables, timeout_s=RUN_S)
        _scripted(hosts, books, own, "deploy", variables)
        served = {name: row.version for name, row in hosts.settled(lambda row: True).items()}
        assert {name for name, version in served.items() if version == variables["version"]} == set(
            variables["services"]
        )
        if kind == "shipped":
            before = _processes(hosts)
            _scripted(hosts, books, own, "deploy", variables)
            assert _processes(hosts) == before, "nothing is left to do, so nothing is restarted"
    for host in hosts.hosts:
        hosts.left_alone(host)
        assert "18081" not in hosts.on(host, "sh", "-c", "ps -eo args | grep -v grep | grep 28081 || true")


def test_the_shipped_script_goes_on_where_an_interrupted_call_left_a_release_on_trial(
    hosts: Hosts, bundle: Bundle, tmp_path: Path
) -> None:
    variables = _release(bundle, tmp_path, "3.1.0")
    (first, place) = next((h, p) for h in hosts.hosts for p in h.services if p.service in variables["services"])
    moved = [(f"--listen :{place.port}", f"--listen 127.0.0.1:{place.port + 10000}")]
    moved += [(f"127.0.0.1:{place.health_port}", f"127.0.0.1:{place.health_port + 10000}")]
    ports = "; ".join(f"s/{old}/{new}/" for old, new in moved)
    hosts.on(first, "sh", "-c", f"sed '{ports}' /etc/service/{place.service}/run | setsid sh >/dev/null 2>&1 &")
    with hosts.runbooks() as books:
        books.run("distribute.yml", variables, timeout_s=RUN_S)
        _scripted(hosts, books, shipped("deploy"), "deploy", variables)
    assert hosts.settled(lambda row: True)[place.service].version == "3.1.0"
    assert f":{place.health_port + 10000} " not in hosts.on(first, "ps", "-eo", "args")


def test_the_shipped_script_touches_nothing_where_the_new_release_does_not_start(
    hosts: Hosts, bundle: Bundle, tmp_path: Path
) -> None:
    variables = _release(bundle, tmp_path, "4.0.0-bad")
    before, processes = hosts.identities(), _processes(hosts)
    last = hosts.hosts[-1]
    with hosts.runbooks() as books:
        books.run("distribute.yml", variables, timeout_s=RUN_S)
        broken = f"/opt/pov/{last.services[0].service}/releases/4.0.0-bad/pov-mock"
        hosts.on(last, "sh", "-c", f"printf '#!/bin/sh\\necho broken; exit 1\\n' >{broken}")
        with pytest.raises(PovError, match=r"deploy\.sh ended with code 1") as caught:
            _scripted(hosts, books, impatient(tmp_path), "deploy", variables)
    assert f"{last.services[0].service}: 4.0.0-bad does not become ready beside the old one" in caught.value.cause
    assert "nothing was changed" in caught.value.cause
    assert {n: r.version for n, r in hosts.identities().items()} == {n: r.version for n, r in before.items()}
    assert _processes(hosts) == processes


def test_the_shipped_script_goes_back_everywhere_where_one_service_does_not_come_up(
    hosts: Hosts, bundle: Bundle, tmp_path: Path
) -> None:
    variables = _release(bundle, tmp_path, "5.0.0-late")
    before = {name: row.version for name, row in hosts.identities().items()}
    last = hosts.hosts[-1]
    name = last.services[0].service
    with hosts.runbooks() as books:
        books.run("distribute.yml", variables, timeout_s=RUN_S)
        # It starts beside the old one, and not in its place.
        release = f"/opt/pov/{name}/releases/5.0.0-late"
        refuse = 'case "$*" in *127.0.0.1:28*) exec ./real "$@";; esac; exit 1'
        put = f"mv {release}/pov-mock {release}/real && printf '#!/bin/sh\\n%s\\n' '{refuse}' >{release}/pov-mock"
        hosts.on(last, "sh", "-c", f"{put} && chmod 755 {release}/pov-mock")
        with pytest.raises(PovError, match=r"deploy\.sh ended with code 1") as caught:
            _scripted(hosts, books, impatient(tmp_path), "deploy", variables)
    assert f"{name}: 5.0.0-late does not become ready; back to the old one" in caught.value.cause
    after = hosts.settled(lambda row: row.version == before[row.service])
    assert {n: row.version for n, row in after.items()} == before


def test_the_shipped_script_renews_every_certificate_and_keeps_keys_where_they_are(hosts: Hosts) -> None:
    before = {name: row.serial for name, row in hosts.identities().items()}
    ca = LegacyCa.load(hosts.ctx.home.secrets_dir)
    with hosts.runbooks() as books:
        requests = books.folder / "requests"
        requests.mkdir()
        for name in before:
            (requests / f"{name}.cnf").write_text(extensions(LEGACY, name))
        files = {"ca": str(ca.certificate), "ca_key": str(ca.key), "days": 365, "requests": str(requests)}
        _scripted(hosts, books, shipped("rotate"), "rotate", {"services": list(before), **files})
        left = [path.name for path in books.folder.rglob("*.key*")]
        assert left == []
    after = hosts.settled(lambda row: row.serial not in before.values())
    assert len({row.serial for row in after.values()}) == len(before)
    for host in hosts.hosts:
        key = hosts.on(host, "sh", "-c", "stat -c '%a %u' /etc/pov/certs/*/tls.key | sort -u")
        assert key == "600 65532\n"


def _new_credentials(folder: Path) -> dict[str, Secret]:
    """Files as the experiment makes them."""
    found = {name: random_secret() for name in SCENARIO.pov_services}
    folder.mkdir(mode=0o700)
    for name, value in found.items():
        write_atomic(folder / name, value.reveal(), mode=0o600)
    return found


def test_the_secret_runbook_brings_each_service_its_new_credential(hosts: Hosts) -> None:
    before = {name: row.credential for name, row in hosts.identities().items() if row.credential}
    assert set(before) == set(SCENARIO.pov_services), "those alone have one"
    with hosts.runbooks() as books:
        wanted = _new_credentials(books.folder / "credentials")
        variables = {"services": list(wanted), "credentials": str(books.folder / "credentials")}
        books.check("secret.yml", variables)
        tasks = books.run("secret.yml", variables, timeout_s=RUN_S)
        text = books.written("secret.yml", variables).text
        left = [path for path in books.folder.rglob("*") if path.is_file() and path.parent.name != "credentials"]
        kept = "".join(path.read_text(errors="replace") for path in left)
    after = hosts.settled(lambda row: row.service not in wanted or row.credential == fingerprint(wanted[row.service]))
    assert not {after[name].credential for name in wanted} & set(before.values())
    assert [t.name for t in tasks if t.host == "legacy-1"] == ["copy credential", "restart service", "health check"] * 2
    assert not any(value.reveal() in kept + text for value in wanted.values())
    for host in hosts.hosts:
        rights = hosts.on(host, "sh", "-c", "stat -c '%a %u' /etc/pov/credentials/* | sort -u")
        assert rights == "600 65532\n"
        here = [placed.service for placed in host.services if placed.service in wanted]
        found = [hosts.on(host, "pov-mock", "fingerprint", "--file", f"/etc/pov/credentials/{name}") for name in here]
        assert found == [f"{fingerprint(wanted[name])}\n" for name in here]


def test_a_host_refuses_the_old_credential_to_whoever_presents_it(hosts: Hosts) -> None:
    containers = {host.pod: hosts.names[host.name] for host in hosts.hosts}

    def execute(pod: str, namespace: str, argv: Sequence[str], *, stdin: bytes | None = None) -> str:
        return hosts.containers.exec(containers[pod], *argv, stdin=stdin).stdout

    box: Any = SimpleNamespace(
        legacy=SimpleNamespace(namespace=LEGACY),
        hosts=SimpleNamespace(all=hosts.hosts),
        cluster=SimpleNamespace(exec=execute),
    )
    present = on_hosts(box)

    def put_there() -> dict[str, Secret]:
        with hosts.runbooks() as books:
            wanted = _new_credentials(books.folder / "credentials")
            variables = {"services": list(wanted), "credentials": str(books.folder / "credentials")}
            books.run("secret.yml", variables, timeout_s=RUN_S)
        hosts.settled(lambda row: row.service not in wanted or row.credential == fingerprint(wanted[row.service]))
        return wanted

    old = put_there()
    assert served(present, old) == {name: ["200"] for name in old}
    new = put_there()
    assert replaced(present, old, new) == {name: {"old": ["401"], "new": ["200"]} for name in old}
    with pytest.raises(PovError, match="does not serve whoever presents its credential"):
        served(present, old)


def test_the_shipped_script_changes_every_credential_and_leaves_none_behind(hosts: Hosts) -> None:
    with hosts.runbooks() as books:
        wanted = _new_credentials(books.folder / "credentials")
        variables = {"services": list(wanted), "credentials": str(books.folder / "credentials")}
        log = _scripted(hosts, books, shipped("secret"), "secret", variables)
    hosts.settled(lambda row: row.service not in wanted or row.credential == fingerprint(wanted[row.service]))
    assert log == ""
    for host in hosts.hosts:
        files = hosts.on(host, "sh", "-c", "cd /etc/pov/credentials && stat -c '%n %a %u' *").splitlines()
        here = sorted(placed.service for placed in host.services if placed.service in wanted)
        assert files == [f"{name} 400 65532" for name in here]


def test_the_shipped_script_goes_back_to_the_credentials_before_where_one_is_missing(hosts: Hosts) -> None:
    before = {name: row.credential for name, row in hosts.identities().items()}
    last = hosts.hosts[-1]
    lacking = next(placed.service for placed in last.services if placed.service in SCENARIO.pov_services)
    with hosts.runbooks() as books:
        folder = books.folder / "credentials"
        wanted = _new_credentials(folder)
        (folder / lacking).write_text("")
        with pytest.raises(PovError):
            _scripted(hosts, books, shipped("secret"), "secret", {"services": list(wanted), "credentials": str(folder)})
    after = hosts.settled(lambda row: row.credential == before[row.service])
    assert len(after) == len(before)
    for host in hosts.hosts:
        assert ".old" not in hosts.on(host, "ls", "/etc/pov/credentials")


def _new(hosts: Hosts, books: Runbooks, version: str) -> tuple[Host, dict[str, Any]]:
    """Two services that nobody has yet, on the last host, as the experiment tells of them."""
    last, names = hosts.hosts[-1], ("new-a", "new-b")
    host = replace(last, services=tuple(Placed(name, 9443 + n, 19081 + n) for n, name in enumerate(names)))
    requests = books.folder / "requests"
    requests.mkdir(exist_ok=True)
    for name in names:
        (requests / f"{name}.cnf").write_text(extensions(LEGACY, name))
    ca = LegacyCa.load(hosts.ctx.home.secrets_dir)
    return host, {
        "services": list(names),
        "places": [{"host": host.name, **asdict(placed)} for placed in host.services],
        "version": version,
        "namespace": LEGACY,
        "ca": str(ca.certificate),
        "ca_key": str(ca.key),
        "days": 365,
        "requests": str(requests),
    }


def _brought(hosts: Hosts, books: Runbooks, arm: str, host: Host, variables: Mapping[str, Any]) -> None:
    if arm == "manual":
        books.check("provision.yml", variables)
        books.run("provision.yml", variables, timeout_s=RUN_S)
        return
    _scripted(hosts, books, shipped("provision"), "provision", variables, on=[host])


def _left(hosts: Hosts, host: Host) -> str:
    return hosts.on(host, "sh", "-c", provision_hosts.LEFT, "sh", *(placed.service for placed in host.services))


@pytest.mark.parametrize("arm", ["manual", "scripted"])
def test_new_services_come_to_a_host_and_go_again(hosts: Hosts, arm: str) -> None:
    known = [placed.service for placed in hosts.hosts[-1].services]
    before = _processes(hosts)
    with hosts.runbooks() as books:
        host, variables = _new(hosts, books, f"6.0.0-{arm}")
        _brought(hosts, books, arm, host, variables)
        assert hosts.on(host, "sh", "-c", provision_hosts.FOREIGN, "sh", *known).split() == variables["services"]
        for placed in host.services:
            name, certs = placed.service, f"/etc/pov/certs/{placed.service}"
            hosts.on(host, "healthy", str(placed.health_port))
            pid = hosts.on(host, "cat", f"/etc/service/{name}/supervise/pid").strip()
            running = hosts.on(host, "chpst", "-u", ":65532:65532", "readlink", f"/proc/{pid}/cwd").strip()
            assert running == f"/opt/pov/{name}/releases/6.0.0-{arm}"
            hosts.on(host, "openssl", "verify", "-CAfile", "/secrets/ca.crt", f"{certs}/tls.crt")
            shown = hosts.on(host, "openssl", "x509", "-in", f"{certs}/tls.crt", "-noout", "-ext", "subjectAltName")
            assert f"URI:{identity(LEGACY, name)}" in shown
            rights, _, owner = hosts.on(host, "stat", "-c", "%a %u", f"{certs}/tls.key").strip().partition(" ")
            assert (rights[1:], owner) == ("00", "65532")
        running = _processes(hosts)[host.name]
        if arm == "scripted":
            _brought(hosts, books, arm, host, variables)
            assert _processes(hosts)[host.name] == running, "nothing is left to do, so nothing is restarted"
        left = [path.name for path in books.folder.rglob("*.key*")]
        assert left == [], "keys stay on the host"
    assert _left(hosts, host).split(), "there is something to take away"
    hosts.on(host, "sh", "-c", provision_hosts.TAKE_AWAY, "sh", *variables["services"])
    assert _left(hosts, host) == ""
    assert _processes(hosts) == before, "the services beside them went on"


def test_the_shipped_script_leaves_no_new_service_where_one_does_not_come_up(hosts: Hosts) -> None:
    before = _processes(hosts)
    with hosts.runbooks() as books:
        host, variables = _new(hosts, books, "7.0.0")
        (Path(variables["requests"]) / "new-b.cnf").unlink()
        with pytest.raises(PovError, match=r"provision\.sh ended with code 1") as caught:
            _brought(hosts, books, "scripted", host, variables)
    assert "taking them away, everywhere" in caught.value.cause
    assert _left(hosts, host) == ""
    assert _processes(hosts) == before


def _processes(hosts: Hosts) -> dict[str, str]:
    """Process numbers of the supervised services, by host."""
    return {host.name: hosts.on(host, "sh", "-c", "cat /etc/service/*/supervise/pid") for host in hosts.hosts}


def test_what_somebody_types_on_a_host_is_in_its_history_with_the_time(hosts: Hosts) -> None:
    host = hosts.hosts[0]
    name = next(placed.service for placed in host.services if placed.service in SCENARIO.pov_services)
    run, credential = f"/etc/service/{name}/run", f"/etc/pov/credentials/{name}"
    command = f"echo '# by hand' >>{run}"
    keep = f"cp -p {run} /tmp/run"
    try:
        hosts.containers.exec(hosts.names[host.name], *SHELL, stdin=typed_by_hand(keep, command))
        lines = hosts.on(host, "sh", "-c", reading(name, run, credential)).splitlines()
    finally:
        hosts.on(host, "sh", "-c", f"mv /tmp/run {run}; rm -f {HISTORY_FILE}")
    told = {answer.what: answer for answer in answers_of_host(lines, name)}
    assert told[f"file {run}"].source.endswith(f"shell history of root: {command}")
    assert {f"file {run}", f"file {credential}", f"release {legacy.BASELINE}"} <= set(told)
    typed = list(histories(lines))
    assert [one.command for one in typed] == [keep, command, "exit"]
    assert all(one.account == "root" and one.when is not None for one in typed)
    assert hosts.on(host, "tail", "-n", "1", run).strip() != "# by hand"


def test_a_restart_brings_the_baseline_back(hosts: Hosts) -> None:
    for host in hosts.hosts:
        hosts.containers.run("restart", "--time", "1", hosts.names[host.name])
    found = hosts.settled(lambda row: row.version == legacy.BASELINE)
    held = hosts.ctx.kube.secret("legacy-1-keys", LEGACY)
    assert held is not None
    name = hosts.hosts[0].services[0].service
    assert found[name].serial.replace(":", "").lstrip("0") == details(held[f"{name}.crt"].decode()).serial
