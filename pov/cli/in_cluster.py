"""What the containers of the gate run: `watch`, `fetch`, `judge`. No command of `pov`'s: nobody types it."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from pov.base.errors import PovError
from pov.base.redact import Secret
from pov.steps.gate.names import CA_KEY, CHANGE, COPY_FOLDER, IN_CLUSTER_URL, LOGIN, REPOSITORY, TOKEN_KEY, USER

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TMP = Path("/tmp")  # noqa: S108 - the container's own


def main(argv: Sequence[str]) -> int:
    """Run one of them; returns how it ended. `judge` ends with 0 whatever the verdict is: it is in its last line.

    A line before that may hold what is refused so far.
    """
    try:
        match list(argv):
            case ["watch", image, environment]:
                _watch(image, environment)
            case ["fetch", number, head, base]:
                _fetch(int(number), head, base)
            case ["judge", environment]:
                _judge(environment)
            case _:
                print("watch IMAGE ENVIRONMENT | fetch NUMBER HEAD BASE | judge ENVIRONMENT", file=sys.stderr)
                return 2
    except PovError as error:
        print(f"{error.message}: {error.cause}", file=sys.stderr)
        return error.exit_code
    return 0


def _watch(image: str, environment: str) -> None:
    from pov.engines.gitea_pulls import Pulls
    from pov.engines.kube import Kube
    from pov.workflows.gate_cluster import KubeJobs
    from pov.workflows.gate_runner import Watcher, watch

    # The first process of a container ignores what it has no handler for.
    signal.signal(signal.SIGTERM, _end)
    token = Secret(Path(LOGIN, TOKEN_KEY).read_text().strip())
    server = Pulls.by_token(IN_CLUSTER_URL, Path(LOGIN, CA_KEY), USER, token)
    jobs = KubeJobs(Kube(_kubeconfig(_TMP / "kubeconfig")), image, environment)
    watch(Watcher(server, jobs), _TMP / "looked", lambda text: print(text, flush=True))


def _end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _kubeconfig(path: Path) -> Path:
    """The pod's own account as a kubeconfig, by the files that Kubernetes mounted."""
    from pov.base.files import write_atomic

    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "own",
        "clusters": [{
            "name": "own",
            "cluster": {"server": "https://kubernetes.default.svc", "certificate-authority": str(_ACCOUNT / "ca.crt")},
        }],
        "users": [{"name": "own", "user": {"tokenFile": str(_ACCOUNT / "token")}}],
        "contexts": [{"name": "own", "context": {"cluster": "own", "user": "own"}}],
    }  # fmt: skip
    write_atomic(path, json.dumps(document), mode=0o600)
    return path


def _fetch(number: int, head: str, base: str) -> None:
    from pov.engines.git_command import Remote
    from pov.workflows.gate_fetch import fetch

    remote = Remote(f"{IN_CLUSTER_URL}/{REPOSITORY}.git", USER, Path(LOGIN, TOKEN_KEY), Path(LOGIN, CA_KEY))
    fetch(number, head, base, remote, work=_TMP / "fetch", room=Path(CHANGE))


def _judge(environment: str) -> None:
    from pov.bundle.gate_image import programs_inside
    from pov.workflows.gate_fetch import wait_fetched
    from pov.workflows.gate_job import judge

    def say(document: Mapping[str, Any]) -> None:
        print(json.dumps(document), flush=True)

    wait_fetched(Path(CHANGE))
    say(judge(Path(CHANGE), environment, programs_inside(), Path(COPY_FOLDER), first=say))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
