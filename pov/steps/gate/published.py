"""What the gate's Jobs plan against: a copy of the landing zone's Terraform state, and the stages that stand anyway.

Jobs have no way to the cluster's API and none to the state's Secret. The copy holds no more than manifests of kinds
that everybody may read; a state that holds more is not published. It is named by its serial: a Job plans against the
very one that it was made for. The stages beside it are those that the scenario has now.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pov.base.errors import PovError
from pov.engines.terraform_state import beyond, mark_of, unpacked
from pov.model.events import Event
from pov.steps.context import Context
from pov.steps.gate.names import COPY, COPY_LABEL, COPY_STAGES, COPY_STATE, NAMESPACE
from pov.steps.landing_zone.asking import requested
from pov.steps.landing_zone.identity import NAMESPACE as TERRAFORM
from pov.steps.landing_zone.identity import STATE
from pov.steps.landing_zone.step import KINDS

_SET = "gate-state"
_MOST_BYTES = 700_000
"""Packed; a ConfigMap holds a mebibyte, in base64."""


def publish(ctx: Context) -> bool:
    """Bring the copy to what the state is now; nothing is published where there is no gate. Whether it changed.

    A state that must not be published takes the copy away, which is told.
    """
    if not ctx.scenario.gate:
        return False
    held = (ctx.kube.secret(STATE, TERRAFORM) or {}).get("tfstate")
    if held is None:
        return ctx.kube.apply([], set_name=_SET)
    if why := _kept_back(held):
        ctx.emit(Event("warning", "gate", f"Terraform's state is not shown to the gate's Jobs: {why}"))
        return ctx.kube.apply([], set_name=_SET)
    return ctx.kube.apply([copy_of(held, requested(ctx.scenario, ctx.estates))], set_name=_SET)


@contextmanager
def renewed(ctx: Context) -> Iterator[None]:
    """The same once trials are over, however they end: they run Terraform as well. What fails is told."""
    try:
        yield
    finally:
        try:
            publish(ctx)
        except PovError as error:
            told = f"pull requests are judged on an older state until pov up: {error.message}"
            ctx.emit(Event("warning", "gate", told))


def _kept_back(held: bytes) -> str:
    if len(held) > _MOST_BYTES:
        return f"it takes {len(held)} bytes"
    return beyond(unpacked(held), {kind.rpartition("/")[2] for kind in KINDS})


def copy_of(held: bytes, stages: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The ConfigMap with a state, as its Secret packs it, and with the stages of the scenario."""
    serial = mark_of({"tfstate": held}).serial
    metadata = {"name": f"{COPY}-{serial}", "namespace": NAMESPACE, "labels": {COPY_LABEL: str(serial)}}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {COPY_STAGES: json.dumps(stages, sort_keys=True)},
        "binaryData": {COPY_STATE: base64.b64encode(held).decode()},
    }
