"""The cluster's step: a kind cluster of our own, with the images in it and addresses on loopback ports.

Whose a cluster is, is proved twice: the ports of its node are those written down before it was made, and the node
carries an id that was drawn then. One of the same name that does not prove it is never touched.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pov.base.errors import PovError, Transient
from pov.base.files import write_atomic
from pov.base.ports import free_ports
from pov.base.wait import Pending, wait_for
from pov.engines.container_choice import remember, require_same
from pov.engines.kind import Kind, Node, PortTaken, configuration
from pov.engines.kube import Kube
from pov.engines.kube_api import Refused
from pov.engines.terraform import discard_temporary, leftovers
from pov.steps.context import Context
from pov.steps.core import Outcome, Report, Step
from pov.steps.kind import shared_network
from pov.steps.kind.foreign import remedy
from pov.steps.kind.intent import NODE_PORTS, Intent
from pov.steps.kind.place import Place, endpoints

ID_ANNOTATION = "pov.dev/environment-id"
IMAGES_ANNOTATION = "pov.dev/late-images"
_PORT_TRIES = 5
_RESTART_LIMIT_S = 120.0


def step(place: Place) -> Step:
    """Needs nothing: the bootstrap CA is first used by what comes into the cluster."""

    def run(ctx: Context, report: Report) -> Outcome:
        return Outcome.CHANGED if _run(place, ctx, report) else Outcome.UNCHANGED

    return Step("cluster", "A Kubernetes cluster of its own (kind)", run, expected_s=12)


def remove(place: Place, tell: Callable[[str], None]) -> list[str]:
    """Remove the place's cluster, whole or half made, and the network if `up` made it and nobody uses it.

    Returns what was removed, in words, once it is known to be gone. A cluster of the same name is left alone, and told,
    where this home never had one. Where it had one, or holds keys and no record of where to, and cannot tell this one
    for its own, nothing is removed: the keys to it lie in this home. Raises `PovError` then.
    """
    home, kind = place.home, place.kind(place.binary)
    _require_known(place, kind, tell)
    removed = []
    # A record that cannot be read is no proof that nothing was made.
    if home.intent.exists():
        kind.end_orphans(home.kubeconfig)
        leftovers(home.root / "terraform").end()
        removed += kind.delete(home.kubeconfig)
        if left := _containers(kind):
            said = f"still there: {', '.join(left)}"
            raise PovError("the cluster could not be removed", cause=said, fix="the same command again")
    discard_temporary(home.root / "terraform")
    home.intent.unlink(missing_ok=True)
    return removed + shared_network.leave(place.containers)


def _require_known(place: Place, kind: Kind, tell: Callable[[str], None]) -> None:
    """Raise `PovError` unless the cluster that is there is this home's, or it is known that this home has none."""
    home = place.home
    # The look at the node comes first: it tells an engine that does not answer as one.
    node, intent = kind.node(), Intent.load(home)
    if node is not None and intent is not None and _is_ours(kind, intent, node):
        return
    found, engine = _containers(kind), place.containers.kind
    if not any(path.exists() for path in (home.intent, home.engine, home.kubeconfig)):
        if not home.secrets_dir.exists():
            if found:
                tell(f"there is a cluster {kind.cluster} in {engine}, which this environment never had: it is left")
            return
        if not found:
            tell(f"this environment has no record of a cluster, and {engine} has none of its name; no other was asked")
            return
    require_same(place.containers, home.engine)
    for_good = f"if this environment's files are of no use any more: rm -r {home.root}"
    if found:
        record = home.intent
        if intent is not None:
            why = f"its name or ports are not those in {record}"
        else:
            why = f"{record} cannot be read" if record.exists() else f"there is no {record}"
        raise PovError(
            f"a cluster {kind.cluster} is there, and environment {place.name} cannot tell whether it is its own",
            cause=f"{why}; nothing was removed, and every key is kept",
            fix=f"if it is yours to lose: {engine} rm --force --volumes {' '.join(found)}, then pov down "
            f"--name {place.name}; {for_good}",
        )
    if home.intent.exists() and not home.engine.exists():
        raise PovError(
            f"nobody knows in which container engine environment {place.name} has its cluster",
            cause=f"{home.engine} is missing, and {engine} has no such cluster; nothing was removed",
            fix=for_good,
        )


def _containers(kind: Kind) -> list[str]:
    """The containers that bear the cluster's label or its node's name, whoever made them."""
    node = {kind.node_name} if kind.node() is not None else set()
    return sorted(node.union(kind.containers_of_cluster()))


def _is_ours(kind: Kind, intent: Intent, node: Node) -> bool:
    return node.cluster == kind.cluster and intent.fits(node)


def _run(place: Place, ctx: Context, report: Report) -> bool:
    kind = place.kind(ctx.binaries.get("kind"))
    intent, node = Intent.load(ctx.home), kind.node()
    changed = False
    if node is not None and (intent is None or not _is_ours(kind, intent, node)):
        raise _foreign(place, node)
    if intent is not None and not intent.made:
        kind.end_orphans(ctx.home.kubeconfig)
        if node is not None:
            report.say("removing what an interrupted start left")
            kind.delete(ctx.home.kubeconfig)
            node = None
    if node is None or intent is None:
        if kind.containers_of_cluster():
            raise _foreign(place, node)
        intent = _make(place, ctx, kind, report)
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
    changed |= _claim(place, ctx, kube, intent, report)
    ctx.endpoints.update(endpoints(node))
    ctx.kube = kube
    return changed


def _foreign(place: Place, node: Node | None) -> PovError:
    told = f"there is a cluster {place.cluster} that this environment did not make"
    return PovError(told, cause="it is left as it is", fix=remedy(place, node))


def _make(place: Place, ctx: Context, kind: Kind, report: Report) -> Intent:
    remember(place.containers, place.home.engine)
    shared_network.note(place.containers)
    ctx.home.kubeconfig.unlink(missing_ok=True)
    config_path = ctx.home.root / "kind.json"
    for attempt in range(_PORT_TRIES):
        api_port, *numbers = free_ports(1 + len(NODE_PORTS))
        ports = dict(zip(NODE_PORTS, numbers, strict=True))
        intent = Intent(secrets.token_hex(16), ports, ctx.bundle.node_image).save(ctx.home)
        by_node_port = {inside: ports[name] for name, inside in NODE_PORTS.items()}
        own_cni = ctx.bundle.source != "official"
        cgroup_v1 = place.containers.info().cgroup_v1
        config = configuration(by_node_port, own_cni=own_cni, cgroup_v1=cgroup_v1, api_port=api_port)
        write_atomic(config_path, config)
        try:
            kind.create(config, ctx.bundle.node_image, ctx.home.kubeconfig, lambda line: report.say(line.strip()))
        except PortTaken:
            if attempt == _PORT_TRIES - 1:
                raise
            report.say("a port got taken meanwhile: choosing others")
            kind.delete(ctx.home.kubeconfig)
            continue
        shared_network.note(place.containers)
        return intent
    raise AssertionError("the last try raises")


def _claim(place: Place, ctx: Context, kube: Kube, intent: Intent, report: Report) -> bool:
    """See that the cluster answers, is ours, and has the images. Returns whether anything was changed."""
    kind = place.kind(ctx.binaries.get("kind"))
    node = wait_for(
        "the cluster's API",
        lambda: kube.get("Node", kind.node_name) or Pending("the node has not registered"),
        timeout_s=_RESTART_LIMIT_S,
        # For a moment after a restart the server knows nobody's rights.
        bears=(Transient, Refused),
        on_pending=report.waits,
        fix=f"pov down --name {ctx.name}, then pov up",
    )
    annotations = node["metadata"].get("annotations") or {}
    known = annotations.get(ID_ANNOTATION)
    if known not in {None, intent.id}:
        raise _foreign(place, kind.node())
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
        replace(intent, made=True).save(ctx.home)
    return changed


def _has_images(ctx: Context, kind: Kind) -> bool:
    return set(ctx.bundle.late_images) <= kind.images()


def _fingerprint(archive: Path) -> str:
    status = archive.stat()
    return f"{archive.name}-{status.st_size}-{status.st_mtime_ns}"
