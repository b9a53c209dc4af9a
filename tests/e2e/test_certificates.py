"""Who gets which certificate, who may talk to whom with it, and what happens while Vault is away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pov.config.estates import estates
from pov.config.scenario import load_scenario
from pov.steps.services.prober import connect
from tests.e2e.apis import Git, Identity, ask, forwarded, serials, spiffe, vault_as, vault_login
from tests.e2e.harness import SMALL, Environment

pytestmark = pytest.mark.timeout(600)

ESTATES = estates(load_scenario(str(SMALL)))
STAGING = next(estate for estate in ESTATES if estate.name == "staging")
EDGES = {(edge.source, edge.target) for edge in STAGING.edges}
SOURCE, TARGET = min(EDGES)
STRANGER = next(name for name in STAGING.services if name != TARGET and (name, TARGET) not in EDGES)


@pytest.mark.parametrize("estate", ESTATES, ids=[estate.name for estate in ESTATES])
def test_each_edge_answers_and_each_non_edge_is_refused(shared: Environment, estate: object) -> None:
    assert isinstance(estate, type(STAGING))
    prober = connect(shared.context())
    edges = {(edge.source, edge.target) for edge in estate.edges}
    others = len(estate.services) * (len(estate.services) - 1) - len(estate.edges)

    def all_answer() -> bool:
        answers = prober.verify(estate.name)
        assert {(a.source, a.target) for a in answers} == edges
        assert [(a.source, a.target, a.error) for a in answers if not a.ok] == []
        return True

    def all_refused() -> bool:
        refusals = prober.refusals(estate.name)
        if refusals.admitted:
            pytest.fail(f"admitted: {refusals.admitted}")
        assert (refusals.pairs, list(refusals.errors)) == (others, [])
        return True

    # A busy machine may let an answer come too late once; an admitted stranger is none of that.
    shared.until("each edge to answer", all_answer, timeout_s=30)
    shared.until("each non-edge to be refused", all_refused, timeout_s=30)


def test_a_service_decides_by_the_callers_certificate(shared: Environment, tmp_path: Path) -> None:
    caller, stranger = (Identity.issue(shared, "staging", name, tmp_path) for name in (SOURCE, STRANGER))
    (tmp_path / "dev").mkdir()
    elsewhere = Identity.issue(shared, "dev", "payment-gateway", tmp_path / "dev")
    with forwarded(shared, "staging", TARGET) as port:
        assert ask(port, caller.root, caller) == 200
        assert ask(port, caller.root, stranger) == 403
        assert ask(port, caller.root, elsewhere) == 403, "the same name in another environment is another service"
        assert ask(port, caller.root, caller, "/identity") == 403, "what is the prober's alone"
        assert ask(port, caller.root, None) is None, "no certificate, no connection"


OWN = {"common_name": SOURCE, "uri_sans": spiffe("staging", SOURCE)}
WRONG = {
    "another service": {"common_name": STRANGER, "uri_sans": spiffe("staging", STRANGER)},
    "another namespace": OWN | {"uri_sans": spiffe("prod", SOURCE)},
    "the prober": OWN | {"uri_sans": spiffe("pov-system", "prober")},
    "another DNS name": OWN | {"alt_names": f"{STRANGER}.staging.svc"},
    "an address": OWN | {"ip_sans": "127.0.0.1"},
    "one name too many": OWN | {"uri_sans": f"{spiffe('staging', SOURCE)},{spiffe('staging', STRANGER)}"},
}


def test_vault_gives_a_service_its_own_name_and_no_other(shared: Environment) -> None:
    vault = vault_as(shared, "staging", SOURCE)
    answer = vault("POST", "/v1/pki_int/issue/service", json=OWN)
    assert answer.status_code == 200, answer.text
    for what, body in WRONG.items():
        assert vault("POST", "/v1/pki_int/issue/service", json=body).status_code in {400, 403}, what


def test_a_service_may_do_nothing_else_in_vault(shared: Environment) -> None:
    vault = vault_as(shared, "staging", SOURCE)
    for method, path in (
        ("GET", "/v1/sys/mounts"),
        ("GET", "/v1/sys/policies/acl/pov-admin"),
        ("POST", "/v1/pki_int/root/generate/internal"),
        ("POST", "/v1/pki_int/sign/service"),
        ("POST", "/v1/auth/kubernetes/role/staging"),
        ("POST", "/v1/auth/token/create"),
    ):
        json = {"common_name": "x", "bound_service_account_names": "*"} if method == "POST" else None
        assert vault(method, path, json=json).status_code == 403, path


def test_povs_own_account_has_no_certificate_to_give(shared: Environment) -> None:
    answer = vault_login(shared, "vault", "pov-admin", role="pov-admin")
    assert answer.status_code == 200, answer.text
    admin = shared.web("vault", {"X-Vault-Token": answer.json()["auth"]["client_token"]})
    assert admin("GET", "/v1/pki_int/roles/service").status_code == 200
    for path, body in (
        ("pki_int/issue/service", OWN),
        ("pki_int/issuer/default/issue/service", OWN),
        ("pki_int/roles/service", {"allow_any_name": True}),
        ("pki/root/sign-intermediate", {"csr": ""}),
        ("pki_int/intermediate/set-signed", {"certificate": ""}),
        ("auth/kubernetes/role/staging", {"bound_service_account_names": "pov-admin"}),
    ):
        assert admin("POST", f"/v1/{path}", json=body).status_code == 403, path


def test_vault_refuses_strangers(shared: Environment) -> None:
    assert vault_login(shared, "staging", SOURCE, role="prod").status_code in {400, 403}
    assert vault_login(shared, "staging", SOURCE, role="pov-admin").status_code in {400, 403}
    assert vault_login(shared, "staging", "default").status_code in {400, 403}
    assert vault_login(shared, "default", "default", role="staging").status_code in {400, 403}
    assert shared.web("vault")("GET", "/v1/sys/mounts").status_code == 403


def test_services_serve_while_vault_is_killed_and_renew_when_it_is_back(
    shared: Environment, facts: Callable[..., None]
) -> None:
    prober = connect(shared.context())
    before = serials(shared, "staging")
    uid = shared.kubectl("get", "pod", "vault-0", "-n", "vault", "-o", "jsonpath={.metadata.uid}").out
    shared.kubectl("delete", "pod", "vault-0", "-n", "vault", "--grace-period=0", "--force")
    assert Git(shared).renew_all("staging").status_code == 200
    checked = 0

    def renewed() -> bool:
        nonlocal checked
        answers = prober.verify("staging")
        silent = [(a.source, a.target, a.error) for a in answers if not a.ok]
        if silent:
            pytest.fail(f"not served while Vault was away: {silent}")
        checked += 1
        now = {seen.service: seen.serial for seen in prober.identify("staging")}
        return set(now) == set(before) and all(now[name] != before[name] for name in before)

    shared.until("every certificate renewed after Vault came back", renewed, timeout_s=180)
    facts(verified_times=checked)
    after = shared.kubectl("get", "pod", "vault-0", "-n", "vault", "-o", "jsonpath={.metadata.uid}").out
    assert after != uid, "it really was another pod"
    seal = shared.web("vault")("GET", "/v1/sys/seal-status").json()
    assert (seal["initialized"], seal["sealed"]) == (True, False)
    shared.until_healthy()
