"""A program that passes for Podman: it keeps a file for each container in a folder, which is its storage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

_SCRIPT = """\
#!/bin/sh
echo "$*" >> '{folder}/calls'
env > '{folder}/seen'
{before}
case "$1 $2" in
"info "*) cat '{folder}/info' ;;
"container inspect") cat '{folder}/containers/'"$3" 2>/dev/null || {{ echo 'no such container' >&2; exit 125; }} ;;
"ps "*) ls '{folder}/containers' ;;
"rm "*) for last; do :; done; rm -f '{folder}/containers/'"$last" ;;
"network "*) exit 125 ;;
esac
"""


class EngineProgram:
    """One in `folder`; `break_with` lets it end or act otherwise before it does anything."""

    def __init__(self, folder: Path, *, memory_mib: int = 16_384, processors: int = 4) -> None:
        self.folder = folder
        self.program = folder / "podman"
        self.storage = folder / "containers"
        self.storage.mkdir(parents=True)
        host = {"memTotal": memory_mib * 2**20, "cpus": processors, "arch": "amd64"}
        self.store_as(str(self.storage), host)
        self.break_with("")

    def store_as(self, root: str, host: Mapping[str, object] | None = None) -> None:
        """Say that containers lie in `root`."""
        host = host or {"memTotal": 2**34, "cpus": 4, "arch": "amd64"}
        (self.folder / "info").write_text(json.dumps({"host": host, "store": {"graphRoot": root}}))

    def break_with(self, before: str) -> None:
        """Do that first from now on."""
        self.program.write_text(_SCRIPT.format(folder=self.folder, before=before))
        self.program.chmod(0o755)

    def put_node(self, cluster: str, ports: Mapping[int, int]) -> Path:
        """A cluster's node container, as `container inspect` tells of it; returns its file."""
        bindings = {f"{inside}/tcp": [{"HostPort": str(outside)}] for inside, outside in ports.items()}
        labels = {"io.x-k8s.kind.cluster": cluster}
        told = {"State": {"Running": True}, "HostConfig": {"PortBindings": bindings}, "Config": {"Labels": labels}}
        path = self.storage / f"{cluster}-control-plane"
        path.write_text(json.dumps([told]))
        return path
