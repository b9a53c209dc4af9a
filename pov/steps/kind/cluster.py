"""The cluster: a kind cluster of our own, with the images in it and addresses on loopback ports.

Whose a cluster is, is proved twice: the ports of its node are those written down before it was made, and the node
carries an id that was drawn then. One of the same name that does not prove it is never touched.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from pov.base.errors import NotFound, PovError, Transient
from pov.base.files import write_atomic
from pov.base.paths import cache_root
from pov.base.ports import free_ports
from pov.base.wait import Pending, wait_for
from pov.bundle import current
from pov.engines.containers import Containers
from pov.engines.kind import Kind, Node, PortTaken, configuration, network_id, on_cgroup_v1, remove_network
from pov.engines.kube import Kube
from pov.engines.kube_api import Refused
from pov.engines.terraform import discard_temporary, leftovers
from pov.state.home import Home
from pov.steps.context import NODE_PORTS, Context
from pov.steps.core import Outcome, Report, Step

ID_ANNOTATION = "pov.dev/environment-id"
IMAGES_ANNOTATION = "pov.dev/late-images"
_PORT_TRIES = 5
_RESTART_LIMIT_S = 120.0


@dataclass(frozen=True)
class Intent:
    """What is written down before the cluster is made: an id, the ports, the image; `made` once it is whole."""

    id: str
    ports: dict[str, int]
    image: str
    made: bool = False

    @classmethod
    def load(cls, home: Home) -> Intent | None:
        """The home's intent, or None if there is none or it cannot be read."""
        try:
            return cls(**json.loads(home.intent.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def save(self, home: Home) -> Intent:
        """Write it down; returns itself."""
        write_atomic(home.intent, json.dumps(asdict(self), indent=2) + "\n")
        return self

    def fits(self, node: Node) -> bool:
        """Whether the node has exactly the ports that were written down."""
        return all(node.ports.get(inside) == self.ports.get(name) for name, inside in NODE_PORTS.items())


def step() -> Step:
    """Needs nothing: the bootstrap CA is first used by what comes into the cluster."""
    return Step("cluster", "A Kubernetes cluster of its own (kind)", _run, expected_s=12)


def read_addresses(ctx: Context) -> dict[str, int]:
    """Loopback ports by name of `NODE_PORTS`, from the node container. Raises `NotFound` without a running one."""
    node = kind_of(ctx).node()
    if node is None or not node.running:
        state = "is stopped" if node else "is not there"
        raise NotFound(f"the cluster of environment {ctx.name} {state}", fix="pov up")
    return _addresses(node)


def remove(home: Home, cluster: str, containers: Containers) -> list[str]:
    """Remove the home's cluster, whole or half made, and the network if `up` made it and nobody uses it.

    Returns what was removed, in words. A cluster of the same name that is not this home's is left alone.
    """
    bundle = current()
    kind = Kind(bundle.binaries.get("kind") if bundle else None, containers, cluster)
    intent, node = Intent.load(home), kind.node()
    removed = []
    ours = intent.fits(node) if intent is not None and node is not None else not kind.containers_of_cluster()
    if intent is not None and ours:
        kind.end_orphans(home.kubeconfig)
        leftovers(home.root / "terraform").end()
        removed += kind.delete(home.kubeconfig)
    discard_temporary(home.root / "terraform")
    home.intent.unlink(missing_ok=True)
    return removed + _leave_network(containers)


def _run(ctx: Context, report: Report) -> Outcome:
    kind = kind_of(ctx)
    intent, node = Intent.load(ctx.home), kind.node()
    changed = False
    if node is not None and (intent is None or not intent.fits(node)):
        raise _foreign(ctx)
    if intent is not None and not intent.made:
        kind.end_orphans(ctx.home.kubeconfig)
        if node is not None:
            report.say("removing what an interrupted start left")
            kind.delete(ctx.home.kubeconfig)
            node = None
    if node is None or intent is None:
        if kind.containers_of_cluster():
            raise _foreign(ctx)
        intent = _make(ctx, kind, report)
        node, changed = kind.node(), True
    elif intent.image != ctx.bundle.node_image:
        raise PovError(
            f"environment {ctx.name} was made from another bundle",
            cause=f"its node is {intent.image}, the bundle's is now {ctx.bundle.node_image}",
            fix=f"pov down --name {ctx.name}, then pov up again",
        )
    elif not node.running:
        report.say("starting the stopped node")
        kind.start()
        node, changed = kind.node(), True
    if node is None:
        raise Transient("the node's container vanished", fix="pov up")
    if not ctx.home.kubeconfig.exists():
        kind.write_kubeconfig(ctx.home.kubeconfig)
    kube = Kube(ctx.home.kubeconfig)
    changed |= _claim(ctx, kube, kind, intent, report)
    ctx.addresses.update(_addresses(node))
    ctx.kube = kube
    return Outcome.CHANGED if changed else Outcome.UNCHANGED


def kind_of(ctx: Context) -> Kind:
    """The environment's cluster."""
    return Kind(ctx.binaries.get("kind"), ctx.containers, ctx.cluster_name)


def _addresses(node: Node) -> dict[str, int]:
    return {name: node.ports[inside] for name, inside in NODE_PORTS.items()}


def _foreign(ctx: Context) -> PovError:
    return PovError(
        f"there is a cluster {ctx.cluster_name} that this environment did not make",
        cause="it is left as it is",
        fix=f"give this one another --name; or, if that one is yours to lose: kind delete cluster --name "
        f"{ctx.cluster_name}",
    )


def _make(ctx: Context, kind: Kind, report: Report) -> Intent:
    _note_network(ctx.containers)
    ctx.home.kubeconfig.unlink(missing_ok=True)
    config_path = ctx.home.root / "kind.json"
    for attempt in range(_PORT_TRIES):
        api_port, *numbers = free_ports(1 + len(NODE_PORTS))
        ports = dict(zip(NODE_PORTS, numbers, strict=True))
        intent = Intent(secrets.token_hex(16), ports, ctx.bundle.node_image).save(ctx.home)
        by_node_port = {inside: ports[name] for name, inside in NODE_PORTS.items()}
        own_cni = ctx.bundle.source != "official"
        config = configuration(by_node_port, own_cni=own_cni, cgroup_v1=on_cgroup_v1(), api_port=api_port)
        write_atomic(config_path, config)
        try:
            kind.create(config, ctx.bundle.node_image, ctx.home.kubeconfig, lambda line: report.say(line.strip()))
        except PortTaken:
            if attempt == _PORT_TRIES - 1:
                raise
            report.say("a port got taken meanwhile: choosing others")
            kind.delete(ctx.home.kubeconfig)
            continue
        _note_network(ctx.containers)
        return intent
    raise AssertionError("the last try raises")


def _claim(ctx: Context, kube: Kube, kind: Kind, intent: Intent, report: Report) -> bool:
    """See that the cluster answers, is ours, and has the images. Returns whether anything was changed."""
    node = wait_for(
        "the cluster's API",
        lambda: kube.get("Node", kind.node_name) or Pending("the node has not registered"),
        timeout_s=_RESTART_LIMIT_S,
        # For a moment after a restart the server knows nobody's rights.
        bears=(Transient, Refused),
        on_pending=report.say,
        fix=f"pov down --name {ctx.name}, then pov up",
    )
    annotations = node["metadata"].get("annotations") or {}
    known = annotations.get(ID_ANNOTATION)
    if known not in {None, intent.id}:
        raise _foreign(ctx)
    wanted = {ID_ANNOTATION: intent.id}
    archive = ctx.bundle.late_archive
    if ctx.bundle.late_images and archive.exists():
        wanted[IMAGES_ANNOTATION] = _fingerprint(archive)
        # Their names carry a hash of what they are made from: one that is there is the right one.
        if annotations.get(IMAGES_ANNOTATION) != wanted[IMAGES_ANNOTATION] and not _has_images(ctx, kind):
            report.say("bringing images into the node")
            kind.load(archive)
    changed = any(annotations.get(key) != value for key, value in wanted.items())
    if changed:
        kube.patch("Node", kind.node_name, None, {"metadata": {"annotations": wanted}})
    if not intent.made:
        Intent(intent.id, intent.ports, intent.image, made=True).save(ctx.home)
    return changed


def _has_images(ctx: Context, kind: Kind) -> bool:
    return set(ctx.bundle.late_images) <= kind.images()


def _fingerprint(archive: Path) -> str:
    status = archive.stat()
    return f"{archive.name}-{status.st_size}-{status.st_mtime_ns}"


def _network_mark(containers: Containers) -> Path:
    return cache_root() / "containers" / f"{containers.kind}-network"


def _note_network(containers: Containers) -> None:
    """Remember that kind's shared network is there because of us: called before and after a cluster is made."""
    mark = _network_mark(containers)
    found = network_id(containers)
    if found is None:
        write_atomic(mark, "")
    elif mark.exists() and not mark.read_text():
        write_atomic(mark, found)


def _leave_network(containers: Containers) -> list[str]:
    mark = _network_mark(containers)
    if not mark.exists():
        return []
    found = network_id(containers)
    ours = found is not None and mark.read_text() in {"", found}
    if ours and not remove_network(containers):
        return []
    mark.unlink()
    return ["network kind"] if ours else []
