"""The gate with the real conftest, Terraform and ssh-keygen: what passes, and every attack with its reason."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pov.base.files import write_atomic
from pov.base.paths import data
from pov.bundle.on_demand import for_gate
from pov.cli.main import main
from pov.engines.conftest import Conftest
from pov.engines.terraform import Terraform
from pov.model.events import silent
from pov.scoping.approvals import ROLES
from pov.workflows.gate_room import furnish, without_state
from tests.contract import test_approvals as attacks
from tests.contract.test_approvals import SCOPE, Company

# The first one builds conftest where nobody has.
pytestmark = [pytest.mark.contract, pytest.mark.timeout(1200)]

ROOT = Path("terraform", "targets", "local")


def stages(folder: Path, cpu: float = 8, iops: float = 0, storage: float = 0) -> Path:
    path = folder / "stages.yaml"
    asked = f"{{cpu: {cpu}, memoryGib: 8, pods: 20, services: 10, iops: {iops}, storageGib: {storage}}}"
    path.write_text(f"apiVersion: pov.dev/v1\nkind: Stages\nstages:\n  prod: {asked}\n")
    return path


class Gate(Company):
    """The company, and a repository with the toolkit's own Terraform folder in it that somebody changes."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.root = root
        self.change = root / "change" / ROOT
        shutil.copytree(data("terraform"), root / "change" / "terraform")

    def gate(self, *more: str, name: str | None = None) -> int:
        head = ["--engagement", str(self.folder), *(["--name", name] if name else [])]
        return main([*head, "gate", "--signers", str(self.signers), *more])

    def asks(self, cpu: float = 8, iops: float = 0, *more: str) -> int:
        return self.gate("--stages", str(stages(self.root, cpu, iops)), *more)

    def edit(self, old: str, new: str, file: str = "main.tf") -> None:
        text = (self.change / file).read_text()
        assert old in text
        (self.change / file).write_text(text.replace(old, new))

    def add(self, text: str) -> None:
        path = self.change / "main.tf"
        path.write_text(path.read_text() + text)

    def judged(self, *more: str) -> int:
        return self.asks(8, 0, "--terraform", str(self.change), *more)


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    # Who runs the tests may have settings of their own, which are told.
    for name in [name for name in os.environ if name.startswith("TF_")]:
        monkeypatch.delenv(name)
    return Gate(tmp_path)


def test_what_fits_passes_in_few_words(company: Gate, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    company.file.write_text(company.file.read_text().replace(SCOPE, "scope: {users: 5000, cpu: 8}\n"))
    capsys.readouterr()
    junit = tmp_path / "out" / "gate.xml"
    assert company.judged("--junit", str(junit)) == 0
    said = capsys.readouterr().out.splitlines()
    unnamed = "no branch that it would go into is named (--base REF): a record that was taken out is not seen"
    others = "no register of their approvals is at hand (--register DIR), or nobody who may sign them (--signers FILE)"
    assert said[0] == f"not checked: capacity over other deals: {others}"
    assert said[1] == f"not checked: records: {unnamed}"
    assert said[2] == "not checked: admission: no manifests are named (--manifests DIR)"
    assert re.fullmatch("passed: [0-9]+ to create, 0 to update, 0 to delete; plan [0-9a-f]{64}", said[3])
    assert len(said) == 4
    suite = ET.fromstring(junit.read_text())
    assert (suite.get("failures"), suite.get("skipped"), suite.get("tests")) == ("0", "3", "8")
    register = tmp_path / "config" / "pov" / "register"
    register.mkdir(parents=True)
    assert company.judged("--junit", str(junit)) == 0
    assert capsys.readouterr().out.splitlines()[0] == said[1], "the user's own approvals of other deals are summed up"


def test_without_a_request_it_judges_what_the_bring_up_would_ask_for(
    company: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    assert company.gate("--json") == 0
    document = json.loads(capsys.readouterr().out.split("\n", 0)[-1])
    addresses = {change["address"] for change in document["plan"]["changes"]}
    assert {
        f'module.landing_zone.kubectl_manifest.namespace["{name}"]' for name in ("dev", "staging", "prod")
    } <= addresses
    assert "yaml_body" not in json.dumps(document), "addresses and actions, no values"
    advice = document["checks"][0]["advice"]
    assert any(one["what"].startswith("96 CPU cores") and "cto" in one["who"] for one in advice)


@pytest.mark.parametrize(
    ("cpu", "iops", "approvals", "code", "told"),
    [
        (64, 0, (), 0, "passed"),
        (65, 0, (), 4, "65 CPU cores are asked for over all stages; limit: 64 without an approved scope"),
        (96, 0, ("scope",), 0, "passed"),
        (97, 0, ("scope",), 4, "limit: 96 with the scope that pat approved"),
        (8, 9_999, (), 0, "passed"),
        (8, 10_000, (), 4, "limit: below 10000 without an approval of IOPS"),
        (8, 12_000, ("iops",), 0, "passed"),
        (8, 12_001, ("iops",), 4, "limit: 12000, which pat approved"),
        (96, 12_000, ("scope",), 4, "may approve: engineering-vp"),
        (96, 12_000, ("scope", "iops"), 0, "passed"),
        (600, 12_000, ("override",), 0, "600 CPU cores are asked for over all stages: set aside by pat: reviewed"),
    ],
)
def test_limits_are_those_of_the_offering_and_of_what_was_approved(
    cpu: float, iops: float, approvals: tuple[str, ...], code: int, told: str, company: Gate,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for kind in approvals:
        assert company.approve(kind, {"scope": "engineer"}.get(kind, "engineering-vp")) == 0
    capsys.readouterr()
    assert company.asks(cpu, iops) == code
    assert told in capsys.readouterr().out


def test_more_storage_than_the_size_includes_needs_a_scope_that_names_it(
    company: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    company.file.write_text(company.file.read_text().replace("iops: 12000", "storageGib: 5000"))
    asked = ("--stages", str(stages(company.root, storage=5000)))
    assert company.gate(*asked) == 4
    said = capsys.readouterr().out
    assert "5000 GiB of storage are asked for over all stages; limit: 4000 GiB, which size Medium includes" in said
    assert company.approve("scope", "engineer") == 0
    assert company.gate(*asked) == 0


def test_more_than_the_scope_names_is_refused_although_no_quota_is_passed(
    company: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    named = "scope: {users: 40000, cpu: 7, memoryGib: 7, storageGib: 10, iops: 3000}\n"
    company.file.write_text(company.file.read_text().replace(SCOPE, named))
    capsys.readouterr()
    assert company.gate("--stages", str(stages(company.root, 8, 3001, 11))) == 4
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("refused: ")]
    assert sorted(line.partition("; passes")[0] for line in said) == [
        "refused: 11 GiB of storage are asked for over all stages; limit: 10, which the scope of acme names",
        "refused: 3001 IOPS are asked for over all stages; limit: 3000, which the scope of acme names",
        "refused: 8 CPU cores are asked for over all stages; limit: 7, which the scope of acme names",
        "refused: 8 GiB of memory are asked for over all stages; limit: 7, which the scope of acme names",
    ]
    assert all("may approve: cto or engineer or engineering-vp" in line for line in said)
    company.file.write_text(company.file.read_text().replace("7", "8").replace("10,", "11,").replace("3000", "3001"))
    assert company.gate("--stages", str(stages(company.root, 8, 3001, 11))) == 0


def test_no_scope_lifts_what_the_platform_has(company: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    own = company.keys / "offering.yaml"
    text = data("offering", "standard.yaml").read_text()
    own.write_text(text.replace("memoryGib: 8192", "memoryGib: 7").replace("storageGib: 200000", "storageGib: 10"))
    named = "scope: {users: 40000, cpu: 8, memoryGib: 1000000, storageGib: 1000000, architect: S. Olu}\n"
    company.file.write_text(company.file.read_text().replace(SCOPE, named))
    asked = ("--stages", str(stages(company.root, 8, 0, 11)), "--offering", str(own))
    more = "a larger platform, or an override; may approve: cto or engineering-vp"
    refused = [
        f"refused: {asks} are asked for over all stages; limit: {most}, which the platform has; {fix}, {more}"
        for asks, most, fix in (
            ("11 GiB of storage", 10, "passes with: at most 10 GiB of storage"),
            ("8 GiB of memory", 7, "passes with: at most 7 GiB of memory"),
        )
    ]
    for kind in ("", "scope"):
        if kind:
            assert company.approve(kind, "engineer", "--offering", str(own)) == 0
        capsys.readouterr()
        assert company.gate(*asked) == 4
        said = capsys.readouterr().out.splitlines()
        assert sorted(line for line in said if line.startswith("refused: ")) == refused, kind


def test_512_cores_pass_with_an_approved_scope_and_513_with_none(
    company: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    company.file.write_text(company.file.read_text().replace("cpu: 96", "cpu: 600"))
    assert company.approve("scope", "engineer") == 0
    assert company.asks(512) == 0
    capsys.readouterr()
    assert company.asks(513) == 4
    said = capsys.readouterr().out
    assert "limit: 512, also with an approved scope" in said
    assert "priced: Medium: dedicated RDS, db-med-04, for the size: 5,000 (3,000 to 8,000) USD once" in said
    assert "total a month: no total: " in said
    assert "may approve: cto or engineering-vp" in said


def replayed(company: Gate) -> None:
    """An approval of a smaller scope, for the larger one that it became."""
    company.file.write_text(company.file.read_text().replace("cpu: 96", "cpu: 256"))


def refused_later(company: Gate) -> None:
    argv = ["refuse", *attacks.WHY, "--key", str(company.keys / "cto"), "--signers", str(company.signers)]
    assert company.pov(*argv) == 0


APPROVALS: list[tuple[Callable[[Any], object], str]] = [
    (attacks.forged, "not a signature over these data"),
    (attacks.unsigned, "it is not signed"),
    (attacks.revoked_line, "allows nobody to sign with this key"),
    (attacks.key_over, "allows nobody to sign with this key"),
    (attacks.key_for_another_purpose, "is not allowed to sign this"),
    (attacks.another_namespace, "not a signature over these data"),
    (attacks.by_a_wildcard, "allows nobody to sign with this key"),
    (attacks.over_long_ago, "it expired on 2020-02-01"),
    (replayed, "the scope has changed since"),
    (refused_later, "refused it later"),
]


@pytest.mark.parametrize(("attack", "told"), APPROVALS, ids=lambda value: getattr(value, "__name__", ""))
def test_an_approval_that_does_not_count_is_not_handed_in(
    attack: Callable[[Any], object], told: str, company: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    assert company.approve("scope", "engineer") == 0
    attack(company)
    capsys.readouterr()
    assert company.asks(96) == 4
    said = capsys.readouterr().out
    assert "refused: 96 CPU cores are asked for over all stages; limit: 64 without an approved scope" in said
    assert told in said


@pytest.mark.parametrize(
    ("kind", "role", "name", "told"),
    [
        ("scope", "sales", None, "pat signed as sales"),
        ("scope", "stranger", None, "allows nobody to sign"),
        ("scope", "engineer", "staging-7", "it is for the environment staging-7"),
        ("iops", "engineer", None, "iops takes engineering-vp"),
        ("iops", "cto", None, "iops takes engineering-vp"),
    ],
)
def test_an_approval_by_a_wrong_role_or_for_another_environment_is_not_handed_in(
    kind: str, role: str, name: str | None, told: str, company: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    assert company.approve(kind, role, name=name, judged=False) == 0
    capsys.readouterr()
    assert company.asks(96, 12_000) == 4
    assert told in capsys.readouterr().out


def test_an_approval_of_another_engagement_is_not_handed_in(
    company: Gate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert company.approve("scope", "engineer") == 0
    other = tmp_path / "beta"
    assert main(["init", str(other)]) == 0
    (other / "engagement.yaml").write_text((other / "engagement.yaml").read_text() + SCOPE)
    shutil.copytree(company.folder / "approvals", other / "approvals")
    company.folder = other
    capsys.readouterr()
    assert company.asks(96) == 4
    assert "it is for the engagement acme" in capsys.readouterr().out


def test_a_revoked_key_does_not_count(company: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    assert company.approve("scope", "engineer") == 0
    revoked = company.keys / "revoked"
    shutil.copyfile(company.keys / "engineer.pub", revoked)
    capsys.readouterr()
    assert company.asks(96, 0, "--revoked", str(revoked)) == 4
    assert "does not count any more" in capsys.readouterr().out


def test_advice_stops_nothing_and_block_needs_the_ctos_mandate(
    company: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    assert company.asks(8) == 0
    assert "advice: 96 CPU cores are asked for" in capsys.readouterr().out
    assert company.asks(8, 0, "--mode", "block") == 2
    vp = company.mandate("engineering-vp")
    assert company.asks(8, 0, "--mode", "block", "--mandate", str(vp)) == 2
    vp.unlink()
    mandate = company.mandate()
    capsys.readouterr()
    assert company.asks(8, 0, "--mode", "block", "--mandate", str(mandate)) == 4
    said = capsys.readouterr().out
    assert "refused: 96 CPU cores are asked for and 64 are allowed without an approved scope; limit: 64 cores" in said
    assert "advice" not in said
    for kind, role in (("scope", "engineer"), ("iops", "engineering-vp")):
        assert company.approve(kind, role) == 0
    assert company.asks(8, 0, "--mode", "block", "--mandate", str(mandate)) == 0


@pytest.mark.parametrize("what", ["signers", "offering", "named", "no scope", "stages", "terraform"])
def test_what_cannot_be_judged_is_bad_input(what: str, company: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    own = company.folder / "own.yaml"
    shutil.copyfile(data("offering", "standard.yaml"), own)
    if what == "signers":
        shutil.copyfile(company.signers, company.folder / "signers")
        code, told = company.gate("--signers", str(company.folder / "signers")), "lies in what is under review"
    elif what == "offering":
        code, told = company.gate("--offering", str(own)), "lies in what is under review"
    elif what == "named":
        company.file.write_text(company.file.read_text().replace("scope:\n", f"scope:\n  offering: {own}\n"))
        code, told = company.gate(), "takes its limits from nothing under review"
    elif what == "no scope":
        company.file.write_text(company.file.read_text().replace(SCOPE, ""))
        code, told = company.gate(), "it has no `scope:` yet"
    elif what == "stages":
        code, told = company.asks(-1), "stages.yaml:4"
    else:
        code, told = company.gate("--terraform", str(company.folder)), "holds no file of Terraform"
    assert code == 2
    assert told in capsys.readouterr().err


def test_a_companys_own_offering_sets_the_limits(company: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    own = company.keys / "offering.yaml"
    own.write_text(data("offering", "standard.yaml").read_text().replace("cpuStandard: 64", "cpuStandard: 16"))
    assert company.asks(17) == 0
    capsys.readouterr()
    assert company.asks(17, 0, "--offering", str(own)) == 4
    assert "limit: 16 without an approved scope" in capsys.readouterr().out


EXEC = 'provider "kubectl" {\n  exec {\n    command = "id"\n  }\n'
MODULE = '\nmodule "more" {\n  source = "git::https://example.org/m"\n}\n'
TEXT: list[tuple[str, str, str, str]] = [
    ("provisioner", "", 'resource "terraform_data" "x" {\n  provisioner "local-exec" { command = "id" }\n}\n',
     "main.tf: a provisioner (local-exec) in terraform_data.x"),
    ("external", "", 'data "external" "x" {\n  program = ["id"]\n}\n', "main.tf: data source external.x"),
    ("http", "", 'data "http" "x" {\n  url = "https://example.org"\n}\n', "main.tf: data source http.x"),
    ("check", "", 'check "x" {\n  data "http" "y" {\n    url = "https://example.org"\n  }\n}\n',
     "main.tf: a block `check`"),
    ("resource", "", 'resource "kubectl_manifest" "x" {\n  yaml_body = "a: 1"\n}\n', "main.tf: a block `resource`"),
    ("import", "", 'import {\n  to = a.b\n  id = "c"\n}\n', "main.tf: a block `import`"),
    ("provider", "  required_providers {\n", '  required_providers {\n    aws = { source = "hashicorp/aws" }\n',
     "main.tf: provider aws from hashicorp/aws"),
    ("provider-without-source", "  required_providers {\n", '  required_providers {\n    null = "1"\n',
     "main.tf: provider null from hashicorp/null"),
    ("provider-elsewhere", "gavinbunney/kubectl", "example.org/evil/kubectl",
     "main.tf: provider kubectl from example.org/evil/kubectl"),
    ("another-provider", "", 'provider "aws" {\n}\n', "main.tf: provider aws is set up"),
    ("exec", 'provider "kubectl" {\n', EXEC, "main.tf: provider kubectl is given `exec`"),
    ("host", 'provider "kubectl" {\n', 'provider "kubectl" {\n  host = "https://example.org"\n',
     "main.tf: provider kubectl is given `host`"),
    ("module", "", MODULE, "main.tf: module more from git::https://example.org/m"),
    ("own-module", "", MODULE.replace("git::https://example.org/m", "./mine"), "main.tf: module more from ./mine"),
    ("many", "  decision     =", '  break_glass_groups = ["system:masters"]\n  decision     =',
     "main.tf: module landing_zone is told `break_glass_groups`"),
    ("backend", 'backend "kubernetes" {\n    secret_suffix = "landing-zone"\n    namespace     = "pov-terraform"',
     'backend "http" {\n    address = "https://example.org"', "main.tf: the state would lie in a backend `http`"),
    ("backend-exec", '    secret_suffix = "landing-zone"\n',
     '    secret_suffix = "landing-zone"\n    exec {\n      api_version = "v1"\n      command = "id"\n    }\n',
     "main.tf: backend kubernetes is given another `exec`"),
    ("backend-elsewhere", 'secret_suffix = "landing-zone"', 'secret_suffix = "other"',
     "main.tf: backend kubernetes is given another `secret_suffix`"),
    ("cloud", "  required_version", '  cloud {\n    organization = "x"\n  }\n  required_version',
     "main.tf: `cloud` in the block terraform"),
    ("file", "", 'output "x" {\n  value = file("/etc/passwd")\n}\n', "main.tf: reads a file of the machine"),
    ("templatefile", "", 'locals {\n  x = "a ${templatefile("/etc/passwd", {})}"\n}\n', "reads a file of the machine"),
    ("file-comment", "", 'locals {\n  x = file/**/("/etc/passwd")\n}\n', "reads a file of the machine"),
    ("file-line", "", 'locals {\n  x = trimspace(file # of\n("/etc/passwd"))\n}\n', "reads a file of the machine"),
    ("file-key", "", 'locals {\n  x = { (file("/etc/passwd")) = 1 }\n}\n', "reads a file of the machine"),
    ("file-if", "", 'locals {\n  x = "%{ if file("/etc/passwd") == "" }a%{ endif }"\n}\n',
     "reads a file of the machine"),
    ("sensitive-output", "", 'output "x" {\n  value     = 1\n  sensitive = true\n}\n',
     "main.tf: output x is marked sensitive"),
    ("sensitive-by-words", "", 'output "x" {\n  value     = 1\n  sensitive = !false\n}\n',
     "main.tf: output x is marked sensitive"),
    ("sensitive-text", "", 'output "x" {\n  value     = 1\n  sensitive = "true"\n}\n',
     "main.tf: output x is marked sensitive"),
    ("sensitive-elsewhere", "", 'output "x" {\n  value = 1\n}\noutput "y" {\n  value     = 2\n  sensitive = true\n}\n',
     "main.tf: output y is marked sensitive"),
    ("templatestring", "", "locals {\n  x = templatestring(local.y, {})\n}\n", "reads a file of the machine"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "told"), [case[1:] for case in TEXT], ids=[case[0] for case in TEXT])
def test_what_would_run_or_fetch_is_refused_by_the_text(old: str, new: str, told: str, tmp_path: Path) -> None:
    folder = tmp_path / "change" / ROOT
    shutil.copytree(data("terraform") / "targets" / "local", folder)
    text = (folder / "main.tf").read_text()
    assert old in text
    (folder / "main.tf").write_text(text.replace(old, new) if old else text + new)
    room = furnish(tmp_path / "room", folder)
    judge = Conftest(for_gate(silent).conftest, data("policies"))
    found = [one.text for one in judge.judge_blocks(room.files, "gate.sources").refused]
    assert any(told in text for text in found), found


def test_terraform_is_not_shown_a_text_that_is_refused(company: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    company.add('data "external" "x" {\n  program = ["touch", "ran"]\n}\n')
    capsys.readouterr()
    assert company.judged() == 4
    said = capsys.readouterr().out
    assert "refused: main.tf: data source external.x; limit: no data sources" in said
    assert "not checked: plan: Terraform is not shown a text that is refused" in said


PLANS: list[tuple[str, str, str, str]] = [
    ("own-scope", "= var.scope", '= { reference = "x", approved_by = "me" }',
     "the guardrail takes `scope` from elsewhere than the variable of that name"),
    ("own-quotas", "= var.quotas", "= { cpu_standard = 9000, cpu_scoped = 9000, iops_approval = 90000 }",
     "the guardrail takes `quotas` from elsewhere"),
    ("own-override", "= var.override", '= { approved_by = "me", reason = "because I say so" }',
     "the guardrail takes `override` from elsewhere"),
    ("past-the-guardrail", "stages = module.guardrails.stages", "stages = var.stages",
     "the landing zone takes `stages` from elsewhere than the guardrail"),
    ("raised-behind-it", "stages = module.guardrails.stages",
     "stages = { for name, asked in module.guardrails.stages : name => merge(asked, { cpu = 60 }) }",
     "stage prod would get 60 CPU cores, and 8 are asked for"),
    ("one-more-stage", "stages = module.guardrails.stages",
     "stages = merge(module.guardrails.stages, { more = module.guardrails.stages.prod })",
     "stage more would get 8 CPU cores, and 0 are asked for"),
    ("more-memory", "stages = module.guardrails.stages",
     "stages = { for name, asked in module.guardrails.stages : name => merge(asked, { memory_gib = 64 }) }",
     "stage prod would get 65536Mi of memory, and 8 GiB are asked for"),
    ("more-pods", "stages = module.guardrails.stages",
     "stages = { for name, asked in module.guardrails.stages : name => merge(asked, { pods = 64 }) }",
     "stage prod would get 64 of pods, and 20 are asked for"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "told"), [case[1:] for case in PLANS], ids=[case[0] for case in PLANS])
def test_what_goes_around_the_guardrail_is_seen_in_the_plan(
    old: str, new: str, told: str, company: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    company.edit(old, new)
    capsys.readouterr()
    assert company.judged() == 4
    assert told in capsys.readouterr().out


def test_a_plan_that_is_another_than_the_checked_one_is_refused(
    company: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert company.judged() == 0
    digest = capsys.readouterr().out.split()[-1]
    assert company.judged("--checked", digest) == 0
    company.add('output "more" {\n  value = "edited after the check"\n}\n')
    capsys.readouterr()
    assert company.judged("--checked", digest) == 4
    assert f"not {digest[:12]}; limit: what was checked is what is merged" in capsys.readouterr().out
    assert company.judged("--checked", digest[:12]) == 2
    assert "--checked: is no digest of a plan" in capsys.readouterr().err


@pytest.mark.parametrize("text", [b'resource "null_resource" "x" { ', b"\xff\xfe{"])
def test_a_file_that_is_no_text_of_terraform_is_bad_input_and_named(
    text: bytes, company: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    (company.change / "half.tf").write_bytes(text)
    assert company.judged() == 2
    told = capsys.readouterr().err
    assert "half.tf: " in told
    assert "main.tf" not in told
    assert "fix: mend the text" in told


def test_what_terraform_itself_finds_wrong_is_a_refusal(company: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    company.edit("= var.stages", "= var.stagez")
    capsys.readouterr()
    assert company.judged() == 4
    said = capsys.readouterr().out
    assert "refused: terraform validate failed" in said
    assert "not checked: plan: there is none" in said


def test_variables_slip_past_neither_by_files_nor_by_the_environment(
    company: Gate, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (company.change / "x.auto.tfvars.json").write_text(json.dumps({"scope": {"reference": "x", "approved_by": "me"}}))
    assert company.asks(96, 0, "--terraform", str(company.change)) == 4
    assert "refused: x.auto.tfvars.json sets variables" in capsys.readouterr().out
    (company.change / "x.auto.tfvars.json").unlink()
    monkeypatch.setenv("TF_VAR_scope", '{"reference": "x", "approved_by": "me"}')
    assert company.asks(96, 0, "--terraform", str(company.change)) == 4
    said = capsys.readouterr().out
    assert "refused: TF_VAR_scope is set in the environment" in said
    assert "limit: 64 without an approved scope" in said


def test_nothing_is_written_beside_what_is_judged(company: Gate) -> None:
    before = sorted(str(path) for path in company.root.rglob("*") if path.is_file())
    company.judged()
    after = sorted(str(path) for path in company.root.rglob("*") if path.is_file())
    assert set(after) - set(before) == {str(company.root / "stages.yaml")}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the policies on a plan are given, with a plan that the real Terraform made."""
    return planned(tmp_path_factory.mktemp("room"))


def planned(folder: Path, more: str = "") -> dict[str, Any]:
    """The same, of the toolkit's root module with some more text in it."""
    room = furnish(folder / "room", None)
    without_state(room)
    (room.root / "more.tf").write_text(more)
    programs = for_gate(silent)
    terraform = Terraform(programs.terraform, room.root, providers=programs.providers, work=room.work)
    terraform.init()
    quotas = {"cpu_standard": 64, "cpu_scoped": 512, "iops_approval": 10_000}
    asked = {"prod": {"cpu": 8, "memory_gib": 8, "pods": 20, "services": 10, "iops": 0, "storage_gib": 0}}
    given = {"stages": asked, "quotas": quotas, "storage": {"gib": 500, "of": "size Small"}}
    plan = terraform.judged(given)
    assert plan.failure == ""
    roles = {kind: sorted(roles) for kind, roles in ROLES.items()}
    return {"given": given, "approved": {"iops": 0}, "quotas": quotas, "roles": roles, "plan": dict(plan.document)}


def refused(document: dict[str, Any], folder: Path, rules: str = "gate.plan") -> list[str]:
    path = folder / "judged.json"
    write_atomic(path, json.dumps(document))
    return [one.text for one in Conftest(for_gate(silent).conftest, data("policies")).judge(path, rules).refused]


def change(document: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        one for one in document["plan"]["resource_changes"] if one["change"]["after"]["kind"] == kind
    )
    return found


def other_variable(document: dict[str, Any]) -> None:
    document["plan"]["variables"]["scope"] = {"value": {"reference": "x", "approved_by": "me"}}


def further_variable(document: dict[str, Any]) -> None:
    document["plan"]["variables"]["more"] = {"value": 1}


def quota_edited(document: dict[str, Any]) -> None:
    after = change(document, "ResourceQuota")["change"]["after"]
    after["yaml_body"] = after["yaml_body"].replace("8000m", "9000m")


def quota_taken_out(document: dict[str, Any]) -> None:
    document["plan"]["resource_changes"].remove(change(document, "ResourceQuota"))


def outside(document: dict[str, Any]) -> None:
    change(document, "Namespace")["module_address"] = "module.mine"


def of_another_provider(document: dict[str, Any]) -> None:
    change(document, "Namespace")["provider_name"] = "registry.terraform.io/hashicorp/null"


def not_known(document: dict[str, Any]) -> None:
    change(document, "Namespace")["change"]["after"].pop("yaml_body")


def another_kind(document: dict[str, Any]) -> None:
    after = change(document, "Role")["change"]["after"]
    after["yaml_body"] = after["yaml_body"].replace('"Role"', '"ClusterRole"')


def provisioner_inside(document: dict[str, Any]) -> None:
    module = document["plan"]["configuration"]["root_module"]["module_calls"]["landing_zone"]["module"]
    module["resources"][0]["provisioners"] = [{"type": "local-exec"}]


def data_inside(document: dict[str, Any]) -> None:
    module = document["plan"]["configuration"]["root_module"]["module_calls"]["landing_zone"]["module"]
    module["resources"].append({"address": "data.http.x", "mode": "data", "type": "http"})


def module_inside(document: dict[str, Any]) -> None:
    module = document["plan"]["configuration"]["root_module"]["module_calls"]["landing_zone"]["module"]
    module["module_calls"] = {"deep": {"source": "https://example.org/x.zip"}}


def provider_set_up(document: dict[str, Any]) -> None:
    provider = {"full_name": "registry.terraform.io/hashicorp/external"}
    document["plan"]["configuration"]["provider_config"]["external"] = provider


def no_guardrail(document: dict[str, Any]) -> None:
    document["plan"]["configuration"]["root_module"]["module_calls"].pop("guardrails")


def condition_failed(document: dict[str, Any]) -> None:
    first = document["plan"]["checks"][0]
    first["status"] = "fail"
    first["instances"][0] |= {"status": "fail", "problems": [{"message": "not like this"}]}


def condition_open(document: dict[str, Any]) -> None:
    document["plan"]["checks"][0]["status"] = "unknown"


def no_changes_told(document: dict[str, Any]) -> None:
    document["plan"].pop("resource_changes")


def no_roles(document: dict[str, Any]) -> None:
    document.pop("roles")


def storage_over_the_size(document: dict[str, Any]) -> None:
    for asked in (document["given"]["stages"], document["plan"]["variables"]["stages"]["value"]):
        asked["prod"]["storage_gib"] = 501


def storage_edited(document: dict[str, Any]) -> None:
    after = change(document, "ResourceQuota")["change"]["after"]
    after["yaml_body"] = after["yaml_body"].replace("0Gi", "9Gi")


def iops_without_approval(document: dict[str, Any]) -> None:
    for asked in (document["given"]["stages"], document["plan"]["variables"]["stages"]["value"]):
        asked["prod"]["iops"] = 10_000


def output_marked(document: dict[str, Any]) -> None:
    document["plan"]["configuration"]["root_module"]["outputs"]["decision"]["sensitive"] = True


def output_planned_as_secret(document: dict[str, Any]) -> None:
    document["plan"]["planned_values"]["outputs"]["namespaces"]["sensitive"] = True


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (other_variable, "the plan was made with another `scope` than the gate hands in"),
        (further_variable, "the plan was made with another `more` than the gate hands in"),
        (quota_edited, "stage prod would get 9 CPU cores, and 8 are asked for"),
        (quota_taken_out, "namespace prod would have no ResourceQuota"),
        (outside, "is outside of the landing zone's module"),
        (of_another_provider, "is of the provider registry.terraform.io/hashicorp/null"),
        (not_known, "what it would be is not known before it is made"),
        (another_kind, "is of the kind ClusterRole"),
        (provisioner_inside, "a provisioner in "),
        (data_inside, "data source data.http.x"),
        (module_inside, "module deep from https://example.org/x.zip"),
        (provider_set_up, "provider registry.terraform.io/hashicorp/external"),
        (no_guardrail, "no module `guardrails` is called"),
        (condition_failed, "not like this"),
        (condition_open, "was not decided"),
        (no_changes_told, "the plan has no `resource_changes`"),
        (no_roles, "`roles` is missing in what is judged"),
        (storage_over_the_size, "501 GiB of storage are asked for over all stages"),
        (storage_edited, "stage prod would get 9Gi of storage, and 0 GiB are asked for"),
        (output_marked, "output decision is sensitive"),
        (output_planned_as_secret, "output namespaces is sensitive"),
        (iops_without_approval, "10000 IOPS are asked for over all stages"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_real_plan_that_was_edited_is_refused(
    edit: Callable[[dict[str, Any]], None], told: str, real: dict[str, Any], tmp_path: Path
) -> None:
    document = copy.deepcopy(real)
    edit(document)
    found = refused(document, tmp_path)
    assert any(told in text for text in found), found


@pytest.mark.parametrize(
    ("told", "sensitive"),
    [('"hush"', "true"), ('"hush"', "false"), ('sensitive("hush")', "true"), ("module.guardrails.decision", "true")],
)
def test_a_plan_with_a_sensitive_output_is_refused_whatever_the_text_looked_like(
    told: str, sensitive: str, tmp_path: Path
) -> None:
    document = planned(tmp_path, f'output "more" {{\n  value     = {told}\n  sensitive = {sensitive}\n}}\n')
    assert refused(document, tmp_path) == (["output more is sensitive"] if sensitive == "true" else [])


def test_an_output_that_is_marked_as_none_passes(company: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    more = 'output "more" {\n  value     = 1\n  sensitive = %s\n}\n'
    company.add(more % "false")
    assert company.judged() == 0
    company.edit("sensitive = false", "sensitive = true")
    capsys.readouterr()
    assert company.judged() == 4
    said = capsys.readouterr().out
    assert "refused: main.tf: output more is marked sensitive; limit: nothing secret in the state" in said
    assert "passes with: take the mark out, or the output; may approve: platform team" in said


def test_the_same_plan_unedited_is_not(real: dict[str, Any], tmp_path: Path) -> None:
    assert refused(real, tmp_path) == []


SCOPED: dict[str, Any] = {"scope": {"reference": "acme", "approved_by": "pat"}}
OVERRIDE: dict[str, Any] = {"override": {"approved_by": "pat", "reason": "agreed"}}
BOUND: dict[str, Any] = {"bounds": {"memory_gib": {"most": 4, "of": "the scope of acme names"}}}
CPU, MEMORY = "CPU cores are asked for over all stages", "GiB of memory are asked for over all stages"


@pytest.mark.parametrize(
    ("stage", "more", "told"),
    [
        ({}, {}, []),
        ({"cpu": 64}, {}, []),
        ({"cpu": 65}, {}, [f"65 {CPU}"]),
        ({"cpu": 65}, OVERRIDE, []),
        ({"cpu": 65}, SCOPED | {"quotas": {"cpu_scoped": 512}}, []),
        ({"cpu": 200}, SCOPED | {"quotas": {"cpu_scoped": 100}}, [f"200 {CPU}"]),
        ({"cpu": 513}, SCOPED | {"quotas": {"cpu_scoped": 512}}, [f"513 {CPU}"]),
        ({"iops": 10_000}, {}, ["10000 IOPS are asked for over all stages"]),
        ({"iops": 10_000}, {"iops_approval": {"approved_by": "pat"}}, ["10000 IOPS are asked for over all stages"]),
        ({"storage_gib": 501}, {}, ["501 GiB of storage are asked for over all stages"]),
        ({}, BOUND, [f"8 {MEMORY}"]),
        ({"cpu": 65}, BOUND, [f"65 {CPU}", f"8 {MEMORY}"]),
        ({}, {"bounds": {"memory_gib": {"most": 4, "of": "the platform has"}}}, [f"8 {MEMORY}"]),
    ],
)
def test_what_is_asked_for_is_refused_without_a_plan_in_the_words_that_a_plan_would_get(
    stage: dict[str, Any], more: dict[str, Any], told: list[str], real: dict[str, Any], tmp_path: Path
) -> None:
    document = copy.deepcopy(real)
    document["given"]["stages"]["prod"] |= stage
    document["given"] |= more
    plan = refused(document, tmp_path)
    found = refused(document | {"plan": {}}, tmp_path, "gate.asked")
    assert sorted(found) == told
    assert set(found) <= set(plan)


def test_a_plan_that_raises_what_was_asked_for_passes_nothing_that_was_refused_before(
    real: dict[str, Any], tmp_path: Path
) -> None:
    document = copy.deepcopy(real)
    document["given"]["stages"]["prod"]["cpu"] = 65
    after = change(document, "ResourceQuota")["change"]["after"]
    after["yaml_body"] = after["yaml_body"].replace("8000m", "70000m")
    assert refused(document | {"plan": {}}, tmp_path, "gate.asked") == [f"65 {CPU}"]
    assert f"70 {CPU}" in refused(document, tmp_path)
