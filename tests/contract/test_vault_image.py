"""The bundle's OpenBao image: it runs the shipped configuration and has what the audit log's rotation needs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pov.base.wait import Pending, wait_for
from pov.engines.certificates import make_ca
from pov.engines.vault import Vault
from pov.steps.vault.layout import Wishes, converge
from tests.contract.servers import Server

pytestmark = pytest.mark.contract
HOST = "https://127.0.0.1:1"
HOUR = 3600


def test_the_image_is_set_up_as_the_step_does_it(new_openbao: Callable[[], Server]) -> None:
    server = new_openbao()
    vault = Vault(server.url, server.ca_path)
    before = vault.status()
    assert not before.initialised
    assert before.auto_unseal
    assert before.engine.startswith("OpenBao ")
    vault.use(vault.initialise(auto_unseal=True, shares=5, threshold=3).root_token)
    wait_for("it leads", lambda: vault.token_works() or Pending("no"), timeout_s=20, interval_s=0.1)
    # In a pod the CA lies in the service account's own files.
    vault.write("sys/auth/kubernetes", {"type": "kubernetes"})
    ca = make_ca("cluster").certificate
    vault.write("auth/kubernetes/config", {"kubernetes_host": HOST, "kubernetes_ca_cert": ca})
    wishes = Wishes(24 * HOUR, 720 * HOUR, 8760 * HOUR, {"staging": ("ledger",)}, kubernetes_host=HOST)
    assert converge(vault, wishes, with_audit=False)
    assert not converge(vault, wishes, with_audit=False)
    assert "pki_int/roles/service" in server.exec("/bin/sh", "-c", "cat /vault/data/audit.log")


def test_the_image_has_what_runs_beside_the_server(new_openbao: Callable[[], Server]) -> None:
    server = new_openbao()
    for tool in ("bao", "wc", "mv", "cat", "sleep", "kill"):
        assert tool in server.exec("/bin/sh", "-c", f"command -v {tool}")
