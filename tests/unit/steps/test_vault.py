from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import NotFound, PovError, TimedOut, Transient
from pov.base.paths import data
from pov.base.redact import Secret
from pov.config.estates import NEW_STAGE, Estate
from pov.engines.vault import Denied
from pov.steps.context import Context
from pov.steps.core import Outcome, Report
from pov.steps.kind.target import KindCluster
from pov.steps.vault import pod as vault_pod
from pov.steps.vault import stages
from pov.steps.vault import step as vault
from pov.steps.vault.accounts import ServiceAccounts
from pov.steps.vault.owner import Owner
from pov.steps.vault.server import engine, manifests
from tests.fakes.vault import FakeVault
from tests.unit.steps.vault_world import World, lines, make


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return make(tmp_path, monkeypatch)


class Killed(BaseException):
    """What SIGKILL leaves: nothing after it runs."""


def killed_at(monkeypatch: pytest.MonkeyPatch, target: Any, name: str, *, after: bool) -> None:
    real = getattr(target, name)

    def deadly(*arguments: Any, **options: Any) -> Any:
        if after:
            real(*arguments, **options)
        monkeypatch.setattr(target, name, real)
        raise Killed

    monkeypatch.setattr(target, name, deadly)


def finished(world: World) -> None:
    """What must hold once `up` came to its end."""
    assert world.mark == "completed"
    assert world.ctx.home.secret(vault.ROOT_TOKEN) is None
    assert not [token for token, holder in world.server.tokens.items() if "root" in holder.policies]
    assert len(lines(world.ctx.home.secret(vault.RECOVERY_KEYS))) == 5
    assert set(lines(world.ctx.home.secret(vault.RECOVERY_KEYS))) == set(world.server.keys)
    assert vault.connect(world.ctx).token_works()


def test_from_nothing_to_done_and_again(world: World) -> None:
    assert world.up() is Outcome.CHANGED
    finished(world)
    writes = len(world.server.writes)
    assert world.up() is Outcome.UNCHANGED
    assert len(world.server.writes) == writes
    assert world.kube.waited == ["vault", "vault"]


def test_every_environment_and_the_prober_may_log_in(world: World) -> None:
    world.up()
    roles = {path.rpartition("/")[2]: body for path, body in world.server.store.items() if "kubernetes/role/" in path}
    assert set(roles) == {"pov-admin", "credential-owner", "dev", "staging", "pov-system"}
    assert roles["pov-system"]["bound_service_account_names"] == ["prober"]
    assert roles["dev"]["bound_service_account_names"] == ["payment-gateway", "checkout-bff"]
    assert roles["staging"]["token_policies"] == ["service"]
    assert roles["staging"]["audience"] == "vault"


def test_services_under_proof_have_a_credential_in_each_stage_and_it_stays(world: World) -> None:
    world.up()
    held = {path: body["data"]["value"] for path, body in world.server.store.items() if path.startswith("secret/data/")}
    names = world.ctx.scenario.pov_services
    there = {estate.name: set(estate.services) & set(names) for estate in world.ctx.estates if estate.kind == "gitops"}
    assert set(there) == {"dev", "staging"}
    assert set(held) == {f"secret/data/{stage}/{name}" for stage, services in there.items() for name in services}
    assert len(set(held.values())) == len(held), "no two share one"
    owner = Owner.connect(world.ctx)
    assert owner.change("staging", names[0], Secret("another")) == 2
    assert owner.held("staging", names[0]).version == 2
    writes = len(world.server.writes)
    assert world.up() is Outcome.UNCHANGED
    assert len(world.server.writes) == writes
    assert world.server.store[f"secret/data/staging/{names[0]}"]["data"] == {"value": "another"}


def test_a_service_that_comes_later_gets_its_credential_then(world: World) -> None:
    world.up()
    name = world.ctx.scenario.pov_services[0]
    for kind in ("data", "metadata"):
        del world.server.store[f"secret/{kind}/dev/{name}"]
    with pytest.raises(NotFound, match=f"{name} has no credential in dev"):
        Owner.connect(world.ctx).held("dev", name)
    assert world.up() is Outcome.CHANGED
    assert Owner.connect(world.ctx).held("dev", name).version == 1
    finished(world)


def test_a_further_account_is_admitted_and_withdrawn_with_a_root_token_that_is_gone(world: World) -> None:
    world.up()
    accounts = ServiceAccounts(world.ctx)

    def named(stage: str) -> list[str]:
        return list(world.server.store[f"auth/kubernetes/role/{stage}"]["bound_service_account_names"])

    before = {stage: named(stage) for stage in ("dev", "staging", "pov-system")}
    accounts.admit("new-one")
    assert named("dev") == [*before["dev"], "new-one"]
    assert named("staging") == [*before["staging"], "new-one"]
    assert named("pov-system") == before["pov-system"]
    finished(world)
    writes = len(world.server.writes)
    accounts.admit("new-one")
    assert len(world.server.writes) == writes, "twice is once"
    accounts.withdraw()
    assert {stage: named(stage) for stage in before} == before
    finished(world)


def test_an_account_that_a_killed_trial_left_goes_with_the_next_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.up()
    killed_at(monkeypatch, FakeVault, "revoke_own_token", after=False)
    with pytest.raises(Killed):
        ServiceAccounts(world.ctx).admit("new-one")
    assert world.ctx.home.secret(vault.ROOT_TOKEN) is not None
    assert world.up() is Outcome.CHANGED
    finished(world)
    assert "new-one" not in str(world.server.store["auth/kubernetes/role/dev"])


def with_a_new_stage(world: World) -> Context:
    """The environment with one more stage, as a trial declares it."""
    stage = Estate(NEW_STAGE, "gitops", NEW_STAGE, world.ctx.scenario.pov_services, (), 1)
    return replace(world.ctx, estates=(*world.ctx.estates, stage))


def of_the_new_stage(world: World) -> list[str]:
    return [path for path in world.server.store if f"/{NEW_STAGE}" in path]


def test_a_new_stage_is_let_in_and_leaves_nothing_behind(world: World) -> None:
    world.up()
    ctx = with_a_new_stage(world)
    vault.step().run(ctx, Report("vault", lambda event: None))
    role = world.server.store[f"auth/kubernetes/role/{NEW_STAGE}"]
    assert list(role["bound_service_account_names"]) == list(world.ctx.scenario.pov_services)
    assert len(of_the_new_stage(world)) > 1, "its services have credentials"
    others = {path for path in world.server.store if path not in of_the_new_stage(world)}
    assert NEW_STAGE in _let_in(ctx)
    stages.forget(world.ctx, NEW_STAGE, world.ctx.scenario.pov_services)
    assert of_the_new_stage(world) == []
    assert others <= set(world.server.store)
    finished(world)
    stages.forget(world.ctx, NEW_STAGE, world.ctx.scenario.pov_services)
    assert world.up() is Outcome.CHANGED, "the network is as it was"
    assert NEW_STAGE not in _let_in(world.ctx)


def _let_in(ctx: Context) -> str:
    policies = [one for one in manifests(ctx, engine(ctx)) if one["kind"] == "NetworkPolicy"]
    return str(policies[0]["spec"]["ingress"])


def test_what_a_killed_trial_of_a_new_stage_left_goes_with_the_next_up(world: World) -> None:
    world.up()
    vault.step().run(with_a_new_stage(world), Report("vault", lambda event: None))
    others = {path for path in world.server.store if path not in of_the_new_stage(world)}
    assert world.up() is Outcome.CHANGED
    assert of_the_new_stage(world) == [], "its role, and the credentials of its services"
    assert others <= set(world.server.store), "no other stage has lost one"
    finished(world)
    assert world.up() is Outcome.UNCHANGED


def test_credentials_that_stayed_when_the_role_had_gone_go_with_the_next_up(world: World) -> None:
    world.up()
    vault.step().run(with_a_new_stage(world), Report("vault", lambda event: None))
    del world.server.store[f"auth/kubernetes/role/{NEW_STAGE}"]
    assert world.up() is Outcome.CHANGED
    assert of_the_new_stage(world) == []
    finished(world)


def test_the_server_may_take_its_time(world: World) -> None:
    world.server.down = 7
    assert world.up() is Outcome.CHANGED
    finished(world)


KILLS = [
    (vault, "_mark", False),
    (vault, "_mark", True),
    (FakeVault, "initialise", False),
    (FakeVault, "initialise", True),
    (vault, "_save", False),
    (vault, "_save", True),
    (vault, "converge", False),
    (vault, "converge", True),
    (vault, "_give_up_root", False),
    (FakeVault, "login_kubernetes", True),
    (FakeVault, "revoke_own_token", False),
    (FakeVault, "revoke_own_token", True),
    (vault, "_give_up_root", True),
]


@pytest.mark.parametrize(("target", "name", "after"), KILLS)
def test_killed_anywhere_and_run_again_it_completes(
    world: World, monkeypatch: pytest.MonkeyPatch, target: Any, name: str, after: bool
) -> None:
    killed_at(monkeypatch, target, name, after=after)
    with pytest.raises(Killed):
        world.up()
    world.up()
    finished(world)
    assert world.up() is Outcome.UNCHANGED


def test_keys_lost_before_they_were_saved_start_it_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_at(monkeypatch, FakeVault, "initialise", after=True)
    with pytest.raises(Killed):
        world.up()
    assert world.server.initialised
    assert world.mark == "started"
    assert world.up() is Outcome.CHANGED
    assert ("PersistentVolumeClaim", "vault", "vault-data") in world.kube.deleted
    assert any("starting it over" in event.message for event in world.events)
    finished(world)


def test_a_server_that_failed_half_way_through_its_initialisation_is_made_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: FakeVault, **options: Any) -> None:
        monkeypatch.undo()
        monkeypatch.setattr(vault, "Vault", lambda url, ca, token=None: FakeVault(world.server, token))
        world.server.initialised = True
        raise PovError("failed to create new audit device")

    monkeypatch.setattr(FakeVault, "initialise", fails)
    with pytest.raises(PovError, match="audit device"):
        world.up()
    assert world.server.sealed
    assert world.up() is Outcome.CHANGED
    finished(world)


def test_a_pod_that_died_in_the_middle_of_its_initialisation_is_made_anew_in_the_same_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FakeVault.initialise

    def dies(self: FakeVault, **options: Any) -> None:
        monkeypatch.setattr(FakeVault, "initialise", real)
        world.server.half = True
        raise Transient("no answer")

    monkeypatch.setattr(FakeVault, "initialise", dies)
    assert world.up() is Outcome.CHANGED
    assert any("starting it over" in event.message for event in world.events)
    finished(world)


def test_a_half_initialised_server_that_is_not_ours_is_never_deleted(world: World) -> None:
    world.server.half = True
    with pytest.raises(PovError, match="does not open"):
        world.up()
    assert world.kube.deleted == []


def test_starting_over_on_a_folder_of_the_node_makes_the_folder_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    provisioner = "kubernetes.io/host-path"
    world.kube.put({"kind": "StorageClass", "metadata": {"name": "standard"}, "provisioner": provisioner})
    killed_at(monkeypatch, FakeVault, "initialise", after=True)
    with pytest.raises(Killed):
        world.up()
    world.up()
    finished(world)
    assert [command[1] for command in world.containers.ran] == ["mkdir", "rm", "mkdir"]


def test_killed_while_starting_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_at(monkeypatch, FakeVault, "initialise", after=True)
    with pytest.raises(Killed):
        world.up()
    killed_at(monkeypatch, KindCluster, "discard", after=False)
    with pytest.raises(Killed):
        world.up()
    world.up()
    finished(world)


def test_what_was_completed_once_is_never_deleted(world: World) -> None:
    world.up()
    del world.server.store["auth/kubernetes/role/pov-admin"]
    with pytest.raises(PovError, match="does not open") as caught:
        world.up()
    assert "pov down" in caught.value.fix
    assert "invalid role name" in caught.value.cause
    assert world.kube.deleted == []
    assert world.server.initialised


def test_a_server_that_somebody_else_initialised_is_never_deleted(world: World) -> None:
    FakeVault(world.server).initialise(auto_unseal=True, shares=1, threshold=1)
    with pytest.raises(PovError, match="does not open"):
        world.up()
    assert world.kube.deleted == []
    assert world.mark == ""


def test_another_releases_policy_takes_a_root_token_once_more(world: World) -> None:
    world.up()
    world.server.store["sys/policies/acl/service"]["policy"] = "# of an older release"
    assert world.up() is Outcome.CHANGED
    finished(world)
    assert "issue/service" in world.server.store["sys/policies/acl/service"]["policy"]
    assert world.up() is Outcome.UNCHANGED


def test_without_recovery_keys_that_is_an_error_with_a_fix(world: World) -> None:
    world.up()
    world.ctx.home.forget_secret(vault.RECOVERY_KEYS)
    world.server.store["sys/policies/acl/service"]["policy"] = "# of an older release"
    with pytest.raises(PovError, match="no root token"):
        world.up()


def test_other_lifetimes_take_a_root_token_that_is_gone_afterwards(world: World) -> None:
    world.up()
    pki = world.ctx.scenario.pki.model_copy(update={"ttl": "1h"})
    world.ctx.scenario = world.ctx.scenario.model_copy(update={"pki": pki})
    assert world.up() is Outcome.CHANGED
    assert world.server.store["pki_int/roles/service"]["ttl"] == 3600
    finished(world)
    assert any("root token" in event.message for event in world.events)


_BLOCK = re.compile(r'path "([^"]+)" \{\s*capabilities = \[([^\]]*)\]\s*\}')


def test_the_admins_policy_reads_and_nothing_else() -> None:
    text = re.sub(r"(?m)^#.*$", "", data("vault", "policies", "pov-admin.hcl").read_text())
    found = {path: set(re.findall(r"\w+", capabilities)) for path, capabilities in _BLOCK.findall(text)}
    assert _BLOCK.sub("", text).split() == [], "something that this test does not read"
    writing = {path for path, capabilities in found.items() if not capabilities <= {"read", "list"}}
    assert writing == {"sys/audit", "sys/generate-root-token/*"}
    assert found["sys/audit"] == {"read", "sudo"}
    assert not [path for path in found if "key" in path or "raw" in path or path.startswith(("auth/token", "identity"))]


def test_another_lifetime_of_the_issuing_ca_makes_a_new_one_under_the_same_root(world: World) -> None:
    world.up()
    root = world.server.defaults["pki"]
    before = world.server.defaults["pki_int"]
    pki = world.ctx.scenario.pki.model_copy(update={"ca_ttl": "360h"})
    world.ctx.scenario = world.ctx.scenario.model_copy(update={"pki": pki})
    assert world.up() is Outcome.CHANGED
    assert world.server.defaults["pki"] == root
    assert world.server.defaults["pki_int"] != before
    assert len(world.server.authorities["pki_int"]) == 2
    assert world.up() is Outcome.UNCHANGED


def test_a_pod_that_goes_away_in_the_middle_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    real = vault.converge
    calls: list[int] = []

    def once_gone(*arguments: Any, **options: Any) -> bool:
        calls.append(1)
        if len(calls) == 1:
            world.server.down = 3
            raise Transient("no answer")
        return real(*arguments, **options)

    monkeypatch.setattr(vault, "converge", once_gone)
    assert world.up() is Outcome.CHANGED
    finished(world)


def test_a_volume_lost_after_all_is_filled_again(world: World) -> None:
    world.up()
    world.server.wipe()
    assert world.up() is Outcome.CHANGED
    finished(world)


def test_a_pod_that_does_not_start_is_told_with_its_reason(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = {"reason": "ErrImageNeverPull", "message": "no image here"}
    monkeypatch.setattr(vault_pod, "_LIMIT_S", 0.05)
    real = world.kube.on_apply

    def applied(live: dict[str, Any]) -> None:
        real(live)
        if live["kind"] == "StatefulSet":
            world.pod(phase="Pending", containerStatuses=[{"name": "vault", "state": {"waiting": waiting}}])
            world.server.down = 10_000

    world.kube.on_apply = applied
    with pytest.raises(TimedOut) as caught:
        world.up()
    assert "ErrImageNeverPull no image here" in caught.value.cause
    assert any("ErrImageNeverPull" in event.message for event in world.events)


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (lambda w: w.kube.objects["StatefulSet", "vault", "vault"]["metadata"].update(generation=2), "to be seen"),
        (lambda w: w.kube.delete("Pod", "vault-0", "vault"), "to be made"),
        (lambda w: w.kube.get("Pod", "vault-0", "vault")["metadata"].update(deletionTimestamp="now"), "to end"),
        (lambda w: w.kube.get("Pod", "vault-0", "vault")["metadata"]["labels"].clear(), "to be replaced"),
    ],
)
def test_an_old_pod_is_not_spoken_to(world: World, monkeypatch: pytest.MonkeyPatch, change: Any, state: str) -> None:
    world.up()
    monkeypatch.setattr(vault_pod, "_LIMIT_S", 0.01)
    change(world)
    with pytest.raises(TimedOut) as caught:
        world.up()
    assert state in caught.value.cause


def test_an_interrupt_ends_the_wait(world: World) -> None:
    world.ctx.cancel()
    with pytest.raises(PovError, match="interrupted"):
        world.up()


def test_hashicorp_vault_is_unsealed_with_saved_keys_and_audited_by_api(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make(tmp_path, monkeypatch, engine="vault")
    assert world.up() is Outcome.CHANGED
    assert len(lines(world.ctx.home.secret(vault.UNSEAL_KEYS))) == 5
    assert world.ctx.home.secret(vault.RECOVERY_KEYS) is None
    assert world.server.mounts["sys/audit"]["volume/"]["type"] == "file"
    assert world.server.writes[0] == "sys/audit/volume"
    assert world.up() is Outcome.UNCHANGED
    world.server.restart()
    assert world.server.sealed
    assert world.up() is Outcome.CHANGED
    assert not world.server.sealed


def test_hashicorp_vault_without_its_unseal_keys_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make(tmp_path, monkeypatch, engine="vault")
    world.up()
    world.server.restart()
    world.ctx.home.forget_secret(vault.UNSEAL_KEYS)
    with pytest.raises(PovError, match="does not open"):
        world.up()
    assert world.kube.deleted == []


def test_connecting_does_not_wait(world: World) -> None:
    world.up()
    world.server.down = 1
    with pytest.raises(Transient):
        vault.connect(world.ctx)
    with pytest.raises(Denied):
        vault.connect(world.ctx).write("sys/policies/acl/pov-admin", {"policy": ""})
