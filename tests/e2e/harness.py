"""An environment for end-to-end tests: `pov` as its users run it, in folders of its own, with bounded time.

Every command line's output is kept, and every process of the machine is noted while a command runs: the test for
secrets reads both. As root, `HOME` is a folder of the test's own, so that whatever `pov` or a tool under it leaves in
the user's home shows (the cache stays where it is: it holds the bundle).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self

import pytest
import requests

from pov.base.paths import cache_root
from pov.bundle import require_current
from pov.engines.container_choice import find
from pov.engines.containers import Containers
from pov.model.events import silent
from pov.state.home import Home
from pov.steps.context import Context
from pov.workflows.environment import attach, home_of
from tests.unit.engines import hostile

HERE = Path(__file__).resolve().parent
SMALL = HERE / "scenario.yaml"
"""Quickstart with a prod environment: what most tests share."""
UP_S, MEASURE_S, QUICK_S = 420.0, 600.0, 120.0

WINDOWS_LAST = ("--seed", "13")
"""An order of trials in which those of an experiment come before its placebo, which then is as long as they were.

A placebo that comes first is as long as a trial may be: 25 s for a deployment that takes 9.
"""

COMPANY = {
    **dict.fromkeys(("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "GIT_SSL_CAINFO"), "/nonexistent/ca.pem"),
    **dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"), "http://127.0.0.1:9"),
    **dict.fromkeys(("https_proxy", "http_proxy", "all_proxy"), "http://127.0.0.1:9"),
    "SSL_CERT_DIR": "/nonexistent",
    "NO_PROXY": "example.com",
    "no_proxy": "example.com",
}
"""What a company laptop sets: a CA bundle that knows nothing of ours, and a proxy where nothing answers."""

HOSTILE = {
    **COMPANY,
    **{name: value for name, value in hostile.VARIABLES.items() if not name.startswith(("PYTHON", "LD_"))},
}
"""The whole page of variables that spoil tools, but the linker's and Python's: with some of them `pov` stops before
its first line (`PYTHONHOME`), is not found (`PYTHONPATH`) or ends with another code than its own (`PYTHONINSPECT`).
Those that do nothing of the kind are in the unit tests of the command."""


@cache
def containers() -> Containers:
    """The container engine that `pov` uses."""
    return find()


@dataclass(frozen=True)
class Ran:
    """A command that ended."""

    argv: tuple[str, ...]
    code: int
    out: str
    err: str
    seconds: float

    @property
    def json(self) -> Any:
        """Its one JSON document."""
        return json.loads(self.out)

    def __str__(self) -> str:
        return (
            f"{' '.join(self.argv)} -> {self.code} after {self.seconds:.1f} s\n{self.out[-2000:]}\n{self.err[-4000:]}"
        )


class ProcessList:
    """Every command line that showed in the machine's process list while it watched."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._young: dict[str, float] = {}
        self._commands = 0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread()

    def __enter__(self) -> Self:
        with self._lock:
            self._commands += 1
            if self._commands == 1:
                self._ended.clear()
                self._thread = threading.Thread(target=self._watch, daemon=True)
                self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._commands -= 1
            if not self._commands:
                self._ended.set()
                self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            now = time.monotonic()
            there = {entry.name for entry in os.scandir("/proc") if entry.name.isdigit()}
            for pid in there:
                # A process shows its parent's command line until it has called exec, so young ones are read again.
                if now - self._young.setdefault(pid, now) < 0.5:
                    with suppress(OSError):
                        self.seen.add(Path("/proc", pid, "cmdline").read_bytes())
            self._young = {pid: since for pid, since in self._young.items() if pid in there}


def _hear_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Running:
    """A `pov` that runs. It writes to files: orphans of a killed one may hold them open, and nobody waits for those."""

    def __init__(
        self, argv: Sequence[str], root: Path, environ: Mapping[str, str], logs: Path, done: Callable[[Ran], None]
    ) -> None:
        self._argv = tuple(argv)
        self._done = done
        self._out, self._err = (Path(tempfile.mkstemp(dir=logs, suffix=kind)[1]) for kind in (".out", ".err"))
        self._since = time.monotonic()
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                argv,
                cwd=root,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                # A shell's background job ignores Ctrl-C, and so would all that it starts.
                preexec_fn=_hear_ctrl_c,
            )

    @property
    def err(self) -> str:
        """Standard error so far."""
        return self._err.read_text(errors="replace")

    def alive(self) -> None:
        """Fail the test at once if it has ended."""
        if self.process.poll() is not None:
            pytest.fail(f"over too early: {self._ran()}")

    def send(self, number: signal.Signals) -> None:
        """A signal to the one process, as a terminal's Ctrl-C or the kernel's killer would."""
        self.process.send_signal(number)

    def wait(self, timeout_s: float) -> Ran:
        """The end of it; at the limit it is interrupted, then killed, and the test fails."""
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.stop()
            pytest.fail(f"not done after {timeout_s:.0f} s: {self._ran()}")
        except BaseException:
            self.stop()
            raise
        return self._ran()

    def _ran(self) -> Ran:
        out, seconds = self._out.read_text(errors="replace"), time.monotonic() - self._since
        ran = Ran(self._argv, self.process.returncode, out, self.err, seconds)
        self._done(ran)
        return ran

    def stop(self) -> None:
        """End it, whatever it does."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
                return


@dataclass
class Environment:
    """One environment of a test's own: `root` is the working directory of its commands, `base` holds all its files."""

    base: Path
    name: str
    root: Path = Path()
    variables: Mapping[str, str] = field(default_factory=dict)
    transcript: list[Ran] = field(default_factory=list, repr=False)
    watch: ProcessList = field(default_factory=ProcessList, repr=False)
    first_up: Ran | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.root = self.base / "work" if self.root == Path() else self.root
        for folder in (self.root, self.tmp, self.user, self.logs):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def tmp(self) -> Path:
        """Where temporary files go: empty again after each command."""
        return self.base / "tmp"

    @property
    def user(self) -> Path:
        """The home folder of its commands, as root."""
        return self.base / "home"

    @property
    def logs(self) -> Path:
        """Where the output of its commands goes."""
        return self.base / "logs"

    @property
    def home(self) -> Home:
        """Its folder `.pov/NAME`."""
        return home_of(self.root, self.name)

    @property
    def node(self) -> str:
        """The container that is the cluster."""
        return f"pov-{self.name}-control-plane"

    def _environ(self, variables: Mapping[str, str] | None) -> dict[str, str]:
        keep = {key: value for key, value in os.environ.items() if not key.startswith("XDG_") and key != "KUBECONFIG"}
        own = {"TMPDIR": str(self.tmp), "POV_CACHE": str(cache_root()), "PYTHONPATH": str(HERE.parent.parent)}
        if os.geteuid() == 0:
            own["HOME"] = str(self.user)
        return {**keep, **own, **self.variables, **(variables or {})}

    def start(
        self, *arguments: str, bend: str = "", named: bool = True, variables: Mapping[str, str] | None = None
    ) -> Running:
        """Start `pov ARGUMENTS`; with `bend`, one that goes wrong in the way told (see `bent.py`)."""
        name = ["--name", self.name] if named else []
        program = [sys.executable, str(HERE / "bent.py"), bend] if bend else [sys.executable, "-m", "pov"]
        argv = [*program, *name, "--plain", *arguments]
        self.watch.__enter__()

        def done(ran: Ran) -> None:
            self.watch.__exit__()
            self.transcript.append(ran)

        return Running(argv, self.root, self._environ(variables), self.logs, done)

    def pov(
        self,
        *arguments: str,
        code: int | tuple[int, ...] = 0,
        timeout_s: float = QUICK_S,
        bend: str = "",
        variables: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run `pov ARGUMENTS --json` to its end; the exit code must be `code`, or one of them."""
        ran = self.start(*arguments, "--json", bend=bend, variables=variables).wait(timeout_s)
        assert ran.code in (code if isinstance(code, tuple) else (code,)), str(ran)
        return ran

    def up(self, *arguments: str, **more: Any) -> Ran:
        """`pov up`."""
        return self.pov("up", *arguments, **{"timeout_s": UP_S, **more})

    def measure(self, *arguments: str, **more: Any) -> Ran:
        """`pov measure`. A criterion may be not shown: its experiment was not asked for, or the machine stalled."""
        return self.pov("measure", *arguments, **{"timeout_s": MEASURE_S, "code": (0, 5), **more})

    def context(self) -> Context:
        """The running environment as the library sees it."""
        return attach(self.root, self.name, silent)

    def runs(self) -> list[Path]:
        """The folders of its runs, oldest first."""
        return sorted(path.parent for path in self.home.runs_dir.glob("*/environment.json"))

    def summary(self) -> dict[str, Any]:
        """The newest run's summary."""
        found: dict[str, Any] = json.loads((self.runs()[-1] / "summary.json").read_text())
        return found

    def secret(self, name: str) -> str:
        """A saved secret, for what a test does in its user's place."""
        found = self.home.secret(name)
        assert found is not None, f"no secret {name}"
        return found.reveal().strip()

    def web(self, service: str, headers: Mapping[str, str] | None = None) -> Web:
        """HTTPS to a page of the platform, with its certificate verified against the bootstrap CA."""
        context = self.context()
        return Web(context.url(service), context.trust.ca_path, headers or {})

    def kubectl(self, *arguments: str, code: int | None = 0, timeout_s: float = 60, stdin: str | None = None) -> Ran:
        """`kubectl` with the environment's own kubeconfig, as an engineer of the customer's would type it."""
        argv = [str(require_current().binaries["kubectl"]), "--kubeconfig", str(self.home.kubeconfig), *arguments]
        environ = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
        since = time.monotonic()
        done = subprocess.run(
            argv, env=environ, input=stdin, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        ran = Ran(tuple(argv), done.returncode, done.stdout, done.stderr, time.monotonic() - since)
        assert code is None or ran.code == code, str(ran)
        return ran

    def objects(self, kind: str, *arguments: str) -> list[dict[str, Any]]:
        """What `kubectl get KIND` lists."""
        items: list[dict[str, Any]] = self.kubectl("get", kind, "-o", "json", *arguments).json["items"]
        return items

    def until(self, what: str, check: Any, *, timeout_s: float = 90, interval_s: float = 0.5) -> Any:
        """Wait until `check()` gives something true, and return that; the test fails at the limit."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                found, seen = check(), None
            except (AssertionError, requests.RequestException) as error:
                found, seen = None, error
            if found:
                return found
            assert time.monotonic() < deadline, f"{what}: not after {timeout_s:.0f} s; last seen: {seen or found}"
            time.sleep(interval_s)

    def until_healthy(self, timeout_s: float = 120) -> None:
        """Wait until `pov status` finds no problem."""
        self.until("no problem in pov status", lambda: not self.pov("status").json["problems"], timeout_s=timeout_s)

    def volumes(self) -> list[str]:
        """Names of the node's volumes."""
        done = containers().run("container", "inspect", self.node, check=False)
        found = json.loads(done.stdout) if done.code == 0 else []
        return [mount["Name"] for entry in found for mount in entry["Mounts"] if mount.get("Name")]

    def destroy(self) -> None:
        """Take it down as a user would; as a last resort by the container's name, whatever happened before."""
        try:
            self.pov("down", timeout_s=180)
        finally:
            containers().remove(self.node)


@dataclass(frozen=True)
class Web:
    """One platform service over HTTPS."""

    url: str
    ca: Path
    headers: Mapping[str, str]

    def __call__(self, method: str, path: str, *, auth: tuple[str, str] | None = None, json: Any = None) -> Any:
        """The answer, whatever its code."""
        with requests.Session() as session:
            session.trust_env = False
            return session.request(
                method,
                self.url + path,
                headers=dict(self.headers),
                auth=auth,
                json=json,
                verify=str(self.ca),
                timeout=20,
            )


@contextmanager
def destroyed_afterwards(environment: Environment) -> Iterator[Environment]:
    """The environment for a `with` block, gone after it whatever happens."""
    try:
        yield environment
    finally:
        environment.destroy()
