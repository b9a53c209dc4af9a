"""Each control in a state in which it is not met, in one in which it is, and where nothing can be shown."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pov.base.clock import SYSTEM_CLOCK
from pov.base.errors import CommandFailed, CriterionNotMet, NotShown, TimedOut, Transient
from pov.base.paths import data
from pov.base.redact import Secret
from pov.cli.main import main
from pov.engines.branches import Rule
from pov.engines.certificates import make_ca
from pov.engines.git import Commit
from pov.engines.prober import EdgeAnswer, Identity, Refusals
from pov.model.events import silent
from pov.state.compliance import RESULT, newest
from pov.state.home import Home
from pov.steps.git.repository import FULL_NAME
from pov.workflows.compliance import ComplianceResult, kept, looked_at
from pov.workflows.controls.control import MET, NOT_APPLICABLE, NOT_MET, NOT_SHOWN, RESULTS
from pov.workflows.controls.register import CONTROLS
from tests.fakes.gitea import FakeGitea
from tests.unit.workflows import whole_world
from tests.unit.workflows.controlled import ENDS, NOW, OWNER, REVIEWER, UNTRUSTED, World, control


@pytest.fixture(autouse=True)
def _room(tmp_path: Path) -> None:
    World.room = tmp_path / "terraform"


NUMBERS = [one.number for one in CONTROLS]


def test_twelve_controls_each_with_its_words_and_its_source() -> None:
    assert len(CONTROLS) == len({one.id for one in CONTROLS}) == 12
    assert NUMBERS[:8] == ["1.3.1", "4.2.1", "4.2.1.1", "6.5.1", "6.5.3", "6.5.4", "7.2.5", "10.2.1"]
    assert NUMBERS[8:] == ["A1.1", "CC6.8", "CC7.1", "CC8.1"]
    for one in CONTROLS:
        assert one.asks
        assert one.looks
        assert one.leaves, "no requirement is looked at whole"


def test_the_documentation_says_of_each_control_what_the_program_does() -> None:
    told = data("docs", "compliance.md").read_text()
    for one in CONTROLS:
        assert f"| {one.standard} {one.number} | {one.asks} | {one.looks} | {one.leaves} |" in told


@pytest.mark.parametrize("number", NUMBERS)
def test_an_environment_as_it_should_be_meets_it(number: str) -> None:
    found = World().finding(number)
    assert found.result == MET, found.said
    assert found.evidence


def _unprotected(world: World) -> None:
    world.git.repositories[FULL_NAME].rules.clear()


def _pushed(world: World) -> None:
    FakeGitea(world.git, OWNER).protect(FULL_NAME, Rule("prod", pushers=(OWNER,), approvals=1, approvers=(REVIEWER,)))


def _no_approvals(world: World) -> None:
    FakeGitea(world.git, OWNER).protect(FULL_NAME, Rule("prod", approvers=(REVIEWER,)))


def _unreviewed(world: World) -> None:
    world.log = (*world.log, Commit("f" * 40, OWNER, NOW, "by hand"))


def _own_approval(world: World) -> None:
    world.git.repositories[FULL_NAME].by[1] = {OWNER}


def _anybody_approves(world: World) -> None:
    FakeGitea(world.git, OWNER).protect(FULL_NAME, Rule("prod", approvals=1))


def _app(**changes: Any) -> Callable[[World], None]:
    def bend(world: World) -> None:
        status = world.app("prod")["status"]
        status["sync"] |= changes

    return bend


def _verdict(kind: str, said: str = "") -> Callable[[World], None]:
    return lambda world: world.verdicts.update({kind: (True, said)})


def _policy(**changes: Any) -> Callable[[World], None]:
    return lambda world: world.app("staging")["spec"]["syncPolicy"]["automated"].update(changes)


def _gone(kind: str, name: str, namespace: str) -> Callable[[World], None]:
    return lambda world: world.kube.objects.pop((kind, namespace, name)) and None


def _follows_prod(world: World) -> None:
    world.app("staging")["spec"]["source"]["targetRevision"] = "prod"


def _rights(role: tuple[str, ...], subject: Mapping[str, str], *, every: bool = False) -> Callable[[World], None]:
    def bend(world: World) -> None:
        world.role("wide", *role, every=every)
        world.bind("wide", "ClusterRole", None, subject)

    return bend


ARGO = {"kind": "ServiceAccount", "name": "argocd-server", "namespace": "argocd"}
SERVICE = {"kind": "ServiceAccount", "name": "ledger", "namespace": "prod"}
ALL_OF_PROD = {"kind": "Group", "name": "system:serviceaccounts:prod"}
EVERYBODY = {"kind": "Group", "name": "system:serviceaccounts"}


def _allows_something(world: World) -> None:
    world.kube.objects["NetworkPolicy", "prod", "deny"]["spec"]["ingress"] = [{}]


def _edge(world: World) -> None:
    world.prober.edges = [EdgeAnswer("a", "b", False, "certificate has expired", "", "")]


def _admitted(world: World) -> None:
    world.prober.refused = Refusals(3, (("a", "b"),), ())


def _shown(**changes: Any) -> Callable[[World], None]:
    def bend(world: World) -> None:
        one = Identity("ledger", "pod", "1", "ab", ENDS, "")
        world.prober.shown = [replace(one, **changes)]

    return bend


def _old_authority(world: World) -> None:
    world.vault.authorities["pki_int"] = {"one": make_ca("pki_int", timedelta(hours=1))}


def _no_device(world: World) -> None:
    world.vault.mounts["sys/audit"] = {}


def _log_stands_still(world: World) -> None:
    world.kube.command = lambda argv: "100"


def _no_server_log(world: World) -> None:
    world.kube.objects["Pod", "kube-system", "kube-apiserver"]["spec"]["containers"][0]["command"] = ["kube-apiserver"]


def _unreadable_server(world: World) -> None:
    del world.kube.objects["Pod", "kube-system", "kube-apiserver"]


def _uncounted(world: World) -> None:
    world.quota("prod")["status"] = {}


def _beside_the_log(world: World) -> None:
    world.state = replace(world.state, serial=5)


def _another_state(world: World) -> None:
    world.state = replace(world.state, lineage="another")


def _edited_log(world: World) -> None:
    world.terraform.write_text(world.terraform.read_text().replace("pov up", "pov xx"))


def _shortened_log(world: World) -> None:
    world.recorded = "f" * 64


def _no_log(world: World) -> None:
    world.terraform.unlink()
    world.recorded = ""


FAULTS: list[tuple[str, Callable[[World], None], str]] = [
    # The control, what is bent, and what is told of it.
    ("6.5.1", _unprotected, "is not protected"),
    ("6.5.1", _pushed, "pov may push to prod without a review"),
    ("6.5.1", _no_approvals, "no approval is needed"),
    ("6.5.1", _unreviewed, "ffffffffff came to prod without an approval"),
    ("6.5.4", _own_approval, "nobody but pov approved"),
    ("6.5.4", _anybody_approves, "whoever may write approves"),
    ("6.5.4", _unreviewed, "nobody is known to have asked for ffffffffff"),
    ("CC8.1", _app(status="OutOfSync"), "prod is OutOfSync"),
    ("CC8.1", _app(revision="0" * 40), "prod runs 0000000000, and its branch"),
    ("CC8.1", _verdict("ConfigMap"), "by hand was let through"),
    ("CC8.1", _beside_the_log, "written beside the log: serial 2 at the last run in the log, 5 now"),
    ("CC8.1", _another_state, "written beside the log"),
    ("CC8.1", _edited_log, ":1: does not fit the chain"),
    ("CC8.1", _shortened_log, "has lost what it held at the last bring-up"),
    ("CC7.1", _policy(selfHeal=False), "staging by hand is not taken back"),
    ("CC7.1", _policy(enabled=False), "staging by hand is not taken back"),
    ("CC7.1", _policy(prune=False), "stays in staging"),
    ("CC7.1", _gone("Application", "staging", "argocd"), "nothing watches staging"),
    ("6.5.3", _verdict("ConfigMap"), "may write in prod"),
    ("6.5.3", _follows_prod, "staging follows the branch of prod"),
    ("7.2.5", _rights(("*",), ARGO, every=True), "argocd/argocd-server may change everything, by wide"),
    ("7.2.5", _rights(("get", "patch"), ARGO, every=True), "argocd/argocd-server may change everything, by wide"),
    ("7.2.5", _rights(("update",), SERVICE), "prod/ledger of a stage may write"),
    ("7.2.5", _rights(("create",), ALL_OF_PROD), "prod/* of a stage may write"),
    ("7.2.5", _rights(("delete",), EVERYBODY), "every namespace/* of a stage may write"),
    ("CC6.8", _verdict("Pod"), "a privileged pod was let into"),
    ("1.3.1", _gone("NetworkPolicy", "deny", "prod"), "prod has no policy that denies by default"),
    ("1.3.1", _allows_something, "prod has no policy that denies by default"),
    ("4.2.1", _edge, "a to b: certificate has expired"),
    ("4.2.1", _admitted, "b answers a, which it must not"),
    ("4.2.1.1", _shown(not_after=(NOW - timedelta(hours=1)).isoformat()), "ledger ran out"),
    ("4.2.1.1", _shown(not_after=(NOW + timedelta(days=90)).isoformat()), "ledger lives longer than 86400 s"),
    ("4.2.1.1", _old_authority, "the issuing CA ends"),
    ("10.2.1", _no_device, "Vault has no audit device"),
    ("10.2.1", _log_stands_still, "did not grow"),
    ("10.2.1", _no_server_log, "API server writes no audit log"),
    ("A1.1", _gone("ResourceQuota", "landing-zone", "prod"), "prod has no quota"),
    ("A1.1", _uncounted, "what prod uses is not counted"),
    ("A1.1", _verdict("Deployment"), "prod takes a workload over the offering"),
]


@pytest.mark.parametrize(("number", "bend", "told"), FAULTS)
def test_where_it_is_not_so_it_is_not_met(number: str, bend: Callable[[World], None], told: str) -> None:
    world = World()
    bend(world)
    found = world.finding(number)
    assert found.result == NOT_MET, found.said
    assert told in found.said + json.dumps(found.evidence["faults"])


def test_every_control_has_a_state_in_which_it_is_not_met() -> None:
    assert {number for number, _, _ in FAULTS} == set(NUMBERS)


def _no_change(world: World) -> None:
    world.log = world.log[:1]
    world.app("prod")["status"]["sync"]["revision"] = world.log[0].id


def _answer(of: str, said: str | Exception) -> Callable[[World], None]:
    return lambda world: world.answers.update({of: said})


def _unsized(world: World) -> None:
    def refuse(argv: Sequence[str]) -> str:
        raise CommandFailed(argv, 126, "", "no stat in this image")

    world.kube.command = refuse


def _stale(world: World) -> None:
    world.app("staging")["status"]["reconciledAt"] = (NOW - timedelta(hours=2)).isoformat()


def _other_refusal(kind: str) -> Callable[[World], None]:
    return lambda world: world.verdicts.update({kind: (False, "exceeded quota")})


def _unclear(world: World) -> None:
    world.prober.refused = Refusals(3, (), ("a to b: timed out",))


def _no_edges(world: World) -> None:
    world.prober.edges = []


def _unbound(world: World) -> None:
    for key in [key for key in world.kube.objects if key[0].endswith("Binding")]:
        del world.kube.objects[key]


def _many_reviews(world: World) -> None:
    _unreviewed(world)
    repository = world.git.repositories[FULL_NAME]
    for number in range(2, 52):
        repository.refs[number] = ("main", "staging", OWNER)
        repository.pulls[number] = replace(repository.pulls[1], number=number, merged_commit=f"{number:040x}a")


def _sealed(world: World) -> None:
    world.vault.authorities["pki"].clear()
    world.vault.defaults.clear()


UNSEEN: list[tuple[str, Callable[[World], None], str]] = [
    ("6.5.1", _no_change, "No change has come to prod"),
    ("6.5.4", _no_change, "No change has come to prod"),
    ("6.5.1", _many_reviews, "no more than 50 reviews"),
    ("6.5.4", _many_reviews, "no more than 50 reviews"),
    ("CC8.1", _gone("Application", "prod", "argocd"), "could not be looked at"),
    ("CC8.1", _no_log, "who changed infrastructure is not known"),
    ("CC8.1", _other_refusal("ConfigMap"), "not because it did not come from Git"),
    ("CC7.1", _stale, "staging: last compared with Git too long ago"),
    ("7.2.5", _unbound, "nothing was looked at"),
    ("CC6.8", _other_refusal("Pod"), "not for its privileges"),
    ("1.3.1", _answer("forbidden", UNTRUSTED), "the network ignores policies"),
    ("1.3.1", _answer("forbidden", "no such host"), "failed for another reason"),
    ("1.3.1", _answer("allowed", "i/o timeout"), "an allowed connection failed, too"),
    ("1.3.1", _answer("forbidden", Transient("no connection to vault/vault-0")), "could not be looked at"),
    ("4.2.1", _unclear, "failed otherwise"),
    ("4.2.1", _no_edges, "No stage has two services"),
    ("4.2.1.1", _shown(not_after="", error="no answer"), "Not every certificate is known: dev/ledger"),
    ("4.2.1.1", _sealed, "does not tell its authorities"),
    ("10.2.1", _unsized, "could not be seen"),
    ("10.2.1", _unreadable_server, "cannot be seen from here"),
]


@pytest.mark.parametrize(("number", "bend", "told"), UNSEEN)
def test_what_cannot_be_seen_is_not_shown_with_the_reason(
    number: str, bend: Callable[[World], None], told: str
) -> None:
    world = World()
    bend(world)
    found = world.finding(number)
    assert found.result == NOT_SHOWN, found.said
    assert told in found.said


def test_a_connection_that_hangs_did_not_get_through() -> None:
    world = World()
    world.answers["forbidden"] = TimedOut("not done after 15 s")
    assert world.finding("1.3.1").result == MET


@pytest.mark.parametrize("number", ["6.5.1", "6.5.3", "6.5.4", "CC8.1"])
def test_without_prod_its_controls_do_not_apply(number: str) -> None:
    world = World(stages=tuple(one for one in World().stages if one.name != "prod"))
    assert world.finding(number).result == NOT_APPLICABLE


@pytest.mark.parametrize("number", NUMBERS)
def test_an_engine_that_does_not_answer_shows_nothing_and_stops_nothing(number: str) -> None:
    def silent_engine() -> Any:
        raise Transient("no answer", cause="connection refused")

    live = World().live()
    world = replace(live, gitea=silent_engine, prober=silent_engine, vault=silent_engine, prod_log=silent_engine,
                    heads=silent_engine)  # fmt: skip
    found = looked_at([control(number)], world, silent)[0]
    needs = number in {"6.5.1", "6.5.4", "CC8.1", "4.2.1", "4.2.1.1", "10.2.1"}
    assert found.result == (NOT_SHOWN if needs else MET), found.said
    assert not needs or "connection refused" in found.said


def _state(world: World) -> tuple[Any, ...]:
    """All that the engines hold, but for what a log-in leaves in a log."""
    repositories = {name: copy.deepcopy(vars(one)) for name, one in world.git.repositories.items()}
    vault = {key: value for key, value in vars(world.vault).items() if key not in {"tokens", "authorities"}}
    authorities = {mount: tuple(held) for mount, held in world.vault.authorities.items()}
    cluster = (copy.deepcopy(world.kube.objects), copy.deepcopy(world.kube.sets), tuple(world.kube.deleted))
    return cluster, repositories, copy.deepcopy(vault), authorities, world.terraform.read_bytes()


def test_all_of_it_changes_nothing() -> None:
    world = World()
    before = _state(world)
    findings = looked_at(CONTROLS, world.live(), silent)
    assert len(findings) == 12
    assert _state(world) == before
    # That a change would be seen.
    world.kube.patch("Namespace", "prod", None, {"metadata": {"labels": {"a": "b"}}})
    assert _state(world) != before


def _kept(home: Home, world: World) -> ComplianceResult:
    findings = looked_at(CONTROLS, world.live(), silent)
    return kept(home, "demo", tuple(zip(CONTROLS, findings, strict=True)), SYSTEM_CLOCK)


def test_evidence_is_kept_with_its_digests_and_outlives_the_environment(tmp_path: Path) -> None:
    home = Home(tmp_path / "demo")
    result = _kept(home, World())
    content = (result.folder / RESULT).read_bytes()
    assert hashlib.sha256(content).hexdigest() == result.digest == result.as_json()["sha256"]
    document = json.loads(content)
    assert document["counts"] == {MET: 12, NOT_MET: 0, NOT_SHOWN: 0, NOT_APPLICABLE: 0}
    assert tuple(document["counts"]) == RESULTS
    for one in document["controls"]:
        file = result.folder / one["evidence"]["file"]
        assert hashlib.sha256(file.read_bytes()).hexdigest() == one["evidence"]["sha256"]
        assert json.loads(file.read_text())["result"] == one["result"]
    later = _kept(home, World())
    assert newest(home.root) == later.folder / RESULT
    assert later.folder != result.folder
    home.remove()
    assert newest(home.root) == later.folder / RESULT


def test_no_secret_is_in_the_evidence(tmp_path: Path) -> None:
    home = Home(tmp_path / "demo")
    home.save_secret("gitea-token", Secret("hush-hush-4711"))
    world = World()
    world.verdicts["ConfigMap"] = (False, "refused, with hush-hush-4711 in it")
    result = _kept(home, world)
    texts = [path.read_text() for path in result.folder.iterdir()]
    assert len(texts) == 13
    assert not any("hush-hush" in text for text in texts)
    assert any("***" in text for text in texts)


@pytest.mark.parametrize(
    ("bends", "raises", "told"),
    [
        ((), None, ""),
        ((_no_change,), NotShown, r"2 controls \(PCI DSS 6.5.1, PCI DSS 6.5.4\) are not shown"),
        ((_no_server_log,), CriterionNotMet, r"1 control \(PCI DSS 10.2.1\) is not met"),
        ((_no_change, _no_server_log), CriterionNotMet, r"1 control \(PCI DSS 10.2.1\) is not met"),
        ((_unreadable_server,), NotShown, r"1 control \(PCI DSS 10.2.1\) is not shown"),
    ],
)
def test_what_the_command_ends_with(
    tmp_path: Path, bends: tuple[Callable[[World], None], ...], raises: type[Exception] | None, told: str
) -> None:
    world = World()
    for bend in bends:
        bend(world)
    result = _kept(Home(tmp_path / "demo"), world)
    if raises is None:
        result.raise_for()
        return
    with pytest.raises(raises, match=told):
        result.raise_for()


def test_the_command_on_an_environment_tells_all_of_it_and_ends_with_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Brought up in memory, with a cluster that refuses nobody anything."""
    world = whole_world.make(tmp_path, monkeypatch)
    name = world.up().name
    monkeypatch.chdir(world.root)
    assert main(["compliance", "--name", name, "--json"]) == 4
    document = json.loads(capsys.readouterr().out)
    results = {one["number"]: one["result"] for one in document["controls"]}
    assert set(results) == set(NUMBERS)
    assert results["6.5.3"] == results["CC6.8"] == results["A1.1"] == NOT_MET
    assert results["4.2.1"] == MET
    assert Path(document["folder"]).is_relative_to(world.root / ".pov" / name)
    assert main(["compliance", "--name", name, "-v"]) == 4
    said = capsys.readouterr()
    assert "✗  PCI DSS 6.5.3    not met" in said.out
    assert "6.5.3: looked at" in said.out
    assert "are not met" in said.err


def test_without_an_environment_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compliance"]) == 1
    assert "no environment" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
