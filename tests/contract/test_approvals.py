"""Approvals as somebody types them, signed and checked by the real ssh-keygen."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from pov.cli.main import main
from pov.config.engagement import load_engagement
from pov.model.events import Event
from pov.workflows.approved import allowed
from pov.workflows.refused import refused

pytestmark = pytest.mark.contract

SCOPE = "scope:\n  architect: S. Olu\n  users: 40000\n  availability: 99.9\n  cpu: 96\n  iops: 12000\n"
WHY = ("--reason", "reviewed with the team")


class Company:
    """Keys by role, the file of allowed signers outside the engagement, and the engagement."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "acme"
        self.keys = root / "keys"
        self.signers = self.keys / "signers"
        self.keys.mkdir()
        assert main(["init", str(self.folder)]) == 0
        file = self.folder / "engagement.yaml"
        self.file = file
        file.write_text(file.read_text() + SCOPE)
        lines = []
        for role in ("engineer", "engineering-vp", "cto", "sales"):
            self.make(role)
            lines.append(self.line(role))
        self.make("stranger")
        self.signers.write_text("".join(lines))

    def make(self, name: str) -> None:
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self.keys / name)]
        subprocess.run(argv, check=True, capture_output=True, timeout=30)

    def line(self, role: str, options: str = 'namespaces="pov-approval"') -> str:
        return f"{role}/pat {options} {(self.keys / f'{role}.pub').read_text()}"

    def pov(self, *arguments: str, name: str | None = None) -> int:
        head = ["--engagement", str(self.folder), *(["--name", name] if name else [])]
        return main([*head, "scope", *arguments])

    def approve(self, kind: str, role: str, *more: str, name: str | None = None, judged: bool = True) -> int:
        trust = ["--signers", str(self.signers)] if judged else []
        return self.pov("approve", "--kind", kind, *WHY, "--key", str(self.keys / role), *trust, *more, name=name)

    def check(self, *more: str, name: str | None = None) -> int:
        return self.pov("check", "--signers", str(self.signers), *more, name=name)

    def records(self, kind: str = "scope") -> list[Path]:
        return sorted((self.folder / "approvals").glob(f"*approve-{kind}*.json"))

    def mandate(self, role: str = "cto", *more: str, name: str | None = None) -> Path:
        argv = ["mandate", *WHY, "--key", str(self.keys / role), *more]
        before = self.records("mandate")
        assert self.pov(*argv, name=name) == 0
        # Records of one second are not in order by name.
        (made,) = set(self.records("mandate")) - set(before)
        return made


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Company:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return Company(tmp_path)


def test_what_is_approved_passes_until_the_scope_changes(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    assert company.approve("scope", "engineer") == 0
    assert company.approve("iops", "engineering-vp") == 0
    capsys.readouterr()
    assert company.check() == 0
    assert "Everything that needs an approval has one." in capsys.readouterr().out
    mandate = company.mandate()
    assert company.check("--mode", "block", "--mandate", str(mandate)) == 0
    company.file.write_text(company.file.read_text().replace("cpu: 96", "cpu: 97"))
    capsys.readouterr()
    assert company.check("--mode", "block", "--mandate", str(mandate)) == 4
    said = capsys.readouterr()
    assert "the scope has changed since" in said.out
    assert "scope is not approved" in said.err
    assert company.check() == 0


def test_a_signature_can_be_checked_without_this_toolkit(company: Company) -> None:
    assert company.approve("scope", "engineer") == 0
    record = company.records()[0]
    argv = ["ssh-keygen", "-Y", "verify", "-f", str(company.signers), "-I", "engineer/pat", "-n", "pov-approval"]
    argv += ["-s", f"{record}.sig"]
    with record.open("rb") as content:
        subprocess.run(argv, stdin=content, check=True, capture_output=True, timeout=30)


def forged(company: Company) -> None:
    record = company.records()[0]
    record.write_text(record.read_text().replace('"cpu": 96.0', '"cpu": 512.0'))


def unsigned(company: Company) -> None:
    Path(f"{company.records()[0]}.sig").unlink()


def revoked_line(company: Company) -> None:
    company.signers.write_text("".join(company.line(role) for role in ("engineering-vp", "cto")))


def key_over(company: Company) -> None:
    company.signers.write_text(company.line("engineer", 'namespaces="pov-approval",valid-before="20200101"'))


def key_for_another_purpose(company: Company) -> None:
    company.signers.write_text(company.line("engineer", 'namespaces="file"'))


def another_namespace(company: Company) -> None:
    record = company.records()[0]
    Path(f"{record}.sig").unlink()
    argv = ["ssh-keygen", "-Y", "sign", "-n", "git", "-f", str(company.keys / "engineer"), str(record)]
    subprocess.run(argv, check=True, capture_output=True, timeout=30)


def by_a_wildcard(company: Company) -> None:
    key = (company.keys / "engineer.pub").read_text()
    company.signers.write_text(f"* {key}")


def over_long_ago(company: Company) -> None:
    record = company.records()[0]
    document = json.loads(record.read_text())
    document |= {"issued": "2020-01-01T00:00:00.000Z", "expires": "2020-02-01T00:00:00.000Z"}
    record.write_text(json.dumps(document))
    Path(f"{record}.sig").unlink()
    argv = ["ssh-keygen", "-Y", "sign", "-n", "pov-approval", "-f", str(company.keys / "engineer"), str(record)]
    subprocess.run(argv, check=True, capture_output=True, timeout=30)


@pytest.mark.parametrize(
    ("attack", "told"),
    [
        (forged, "not a signature over these data"),
        (unsigned, "it is not signed"),
        (revoked_line, "allows nobody to sign with this key"),
        (key_over, "allows nobody to sign with this key"),
        (key_for_another_purpose, "is not allowed to sign this"),
        (another_namespace, "not a signature over these data"),
        (by_a_wildcard, "allows nobody to sign with this key"),
        (over_long_ago, "it expired on 2020-02-01"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_does_not_count_is_told(
    company: Company, attack: object, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert company.approve("scope", "engineer") == 0
    assert callable(attack)
    attack(company)
    capsys.readouterr()
    assert company.check() == 0
    said = capsys.readouterr().out
    assert "refused: scope is not approved" in said
    assert told in said


def test_a_revoked_key_does_not_count(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    assert company.approve("scope", "engineer") == 0
    revoked = company.keys / "revoked"
    argv = ["ssh-keygen", "-q", "-k", "-f", str(revoked), str(company.keys / "engineer.pub")]
    subprocess.run(argv, check=True, capture_output=True, timeout=30)
    capsys.readouterr()
    assert company.check("--revoked", str(revoked)) == 0
    assert "does not count any more" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "role", "told"),
    [
        ("iops", "engineer", "iops takes engineering-vp"),
        ("iops", "cto", "iops takes engineering-vp"),
        ("override", "engineer", "override takes cto or engineering-vp"),
        ("scope", "sales", "pat signed as sales"),
        ("scope", "stranger", "allows nobody to sign"),
    ],
)
def test_a_wrong_role_is_refused_before_anything_is_written(
    company: Company, kind: str, role: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert company.approve(kind, role) == 1
    assert told in capsys.readouterr().err
    assert not company.records(kind)
    assert company.approve(kind, role, judged=False) == 0
    assert company.check() == 0
    assert told in capsys.readouterr().out


def test_an_approval_is_for_one_environment_and_one_engagement(
    company: Company, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert company.approve("scope", "engineer", name="staging-7") == 0
    assert company.check() == 0
    assert "it is for the environment staging-7" in capsys.readouterr().out
    other = tmp_path / "beta"
    assert main(["init", str(other)]) == 0
    (other / "engagement.yaml").write_text((other / "engagement.yaml").read_text() + SCOPE)
    shutil.copytree(company.folder / "approvals", other / "approvals")
    capsys.readouterr()
    assert main(["--engagement", str(other), "scope", "check", "--signers", str(company.signers)]) == 0
    assert "it is for the engagement acme" in capsys.readouterr().out


def test_a_refusal_ends_an_approval(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    assert company.approve("scope", "engineer") == 0
    argv = ["refuse", *WHY, "--key", str(company.keys / "cto"), "--signers", str(company.signers)]
    assert company.pov(*argv) == 0
    capsys.readouterr()
    assert company.check() == 0
    assert "refused it later" in capsys.readouterr().out


@pytest.mark.parametrize("what", ["signers", "revoked"])
@pytest.mark.parametrize("tree", ["folder", "git", "link"])
def test_neither_signers_nor_revocations_come_from_what_is_under_review(
    company: Company, tree: str, what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    revoked = company.keys / "revoked"
    argv = ["ssh-keygen", "-q", "-k", "-f", str(revoked), str(company.keys / "stranger.pub")]
    subprocess.run(argv, check=True, capture_output=True, timeout=30)
    files = {"signers": company.signers, "revoked": revoked}

    def check() -> int:
        return company.pov("check", *(text for name, path in files.items() for text in (f"--{name}", str(path))))

    assert check() == 0
    inside = company.folder / what
    shutil.copyfile(files[what], inside)
    if tree == "git":
        # All of it lies in the repository: the other one has to be elsewhere.
        outside = tmp_path.parent / f"{tmp_path.name}-outside"
        outside.mkdir()
        for name, path in files.items():
            files[name] = Path(shutil.copyfile(path, (outside if name != what else tmp_path) / name))
        (tmp_path / ".git").mkdir()
    elif tree == "link":
        files[what] = company.keys / "link"
        files[what].symlink_to(inside)
    else:
        files[what] = inside
    capsys.readouterr()
    assert check() == 2
    told = capsys.readouterr().err
    assert f"{files[what]}: lies in what is under review" in told
    assert told.count("lies in what is under review") == 1


def no_mandate(company: Company) -> Path | None:
    return None


def missing(company: Company) -> Path:
    return company.keys / "none.json"


def by_the_vp(company: Company) -> Path:
    return company.mandate("engineering-vp")


def for_another_environment(company: Company) -> Path:
    return company.mandate(name="elsewhere")


def an_approval(company: Company) -> Path:
    company.approve("scope", "engineer")
    return company.records()[0]


def edited(company: Company) -> Path:
    path = company.mandate()
    path.write_text(path.read_text().replace("reviewed", "agreed"))
    return path


def a_refusal_of_it(company: Company) -> Path:
    path = company.mandate()
    document = json.loads(path.read_text()) | {"decision": "refuse"}
    path.write_text(json.dumps(document))
    Path(f"{path}.sig").unlink()
    argv = ["ssh-keygen", "-Y", "sign", "-n", "pov-approval", "-f", str(company.keys / "cto"), str(path)]
    subprocess.run(argv, check=True, capture_output=True, timeout=30)
    return path


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (no_mandate, "block needs one, signed by the CTO"),
        (missing, "no such file"),
        (by_the_vp, "mandate takes cto"),
        (for_another_environment, "for the environment elsewhere"),
        (an_approval, "no mandate that counts"),
        (edited, "not a signature over these data"),
        (a_refusal_of_it, "is a refusal"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_block_without_a_valid_mandate_is_an_error_and_never_advice(
    company: Company, make: object, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(make)
    path = make(company)
    capsys.readouterr()
    assert company.check("--mode", "block", *(["--mandate", str(path)] if path else [])) == 2
    assert told in capsys.readouterr().err


def test_other_deals_approvals_take_capacity(
    company: Company, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "beta"
    assert main(["init", str(other)]) == 0
    big = SCOPE.replace("cpu: 96", "cpu: 2000")
    (other / "engagement.yaml").write_text((other / "engagement.yaml").read_text() + big)
    argv = ["scope", "approve", *WHY, "--key", str(company.keys / "engineer"), "--signers", str(company.signers)]
    assert main(["--engagement", str(other), *argv]) == 0
    capsys.readouterr()
    assert company.check("--register", str(other / "approvals"), "--json") == 0
    document = json.loads(capsys.readouterr().out)
    cpu = next(use for use in document["scope"]["capacity"]["uses"] if use["resource"] == "cpu")
    assert (cpu["taken"], cpu["left"], cpu["over"]) == (2000, 48, True)
    assert document["not_checked"] == {}, "beta named all that this one asks for"
    assert company.check("--json") == 0
    assert list(json.loads(capsys.readouterr().out)["not_checked"]) == ["capacity over other deals"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--reason", "short"], "says too little"),
        (["--reason", "two\nlines of it all"], "cannot be printed"),
        ([*WHY, "--days", "0"], "0 days"),
        ([*WHY, "--days", "1000"], "1 to 366"),
        ([*WHY, "--kind", "everything"], "everything"),
    ],
)
def test_what_cannot_be_approved(
    company: Company, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert company.pov("approve", *arguments, "--key", str(company.keys / "engineer")) == 2
    assert told in capsys.readouterr().err
    assert not (company.folder / "approvals").exists()


def test_the_guardrail_is_told_what_counts_by_the_users_own_signers(company: Company, tmp_path: Path) -> None:
    told: list[Event] = []
    assert allowed(None, company.folder, "gitops-35", told.append).variables == {}
    assert told == []
    assert company.approve("scope", "engineer") == 0
    assert company.approve("iops", "engineering-vp") == 0
    assert company.approve("override", "engineer", judged=False) == 0
    assert allowed(None, company.folder, "gitops-35", told.append).variables == {}
    assert "nobody is allowed to sign" in told[-1].message
    own = tmp_path / "config" / "pov" / "allowed_signers"
    own.parent.mkdir(parents=True)
    shutil.copyfile(company.signers, own)
    assert allowed(None, company.folder, "gitops-35", told.append).variables == {
        "scope": {"reference": "acme", "approved_by": "pat"},
        "quotas": {"cpu_standard": 64, "cpu_scoped": 96, "iops_approval": 10_000},
        "iops_approval": {"role": "engineering-vp", "approved_by": "pat"},
    }
    assert "override takes cto or engineering-vp" in told[-1].message
    assert allowed(None, company.folder, "elsewhere", told.append).variables == {}
    assert allowed(None, None, "gitops-35", told.append).variables == {}
    company.file.write_text(company.file.read_text().replace("cpu: 96", "cpu: 512"))
    assert allowed(None, company.folder, "gitops-35", told.append).variables == {}
    assert any("the scope has changed since" in event.message for event in told)


def test_a_request_waits_and_approves_nothing(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    assert company.pov("request", *WHY) == 0
    capsys.readouterr()
    assert company.check() == 0
    said = capsys.readouterr().out
    assert "refused: scope is not approved: cto or engineer or engineering-vp may approve it" in said
    assert "Terraform's guardrail refuses what is not approved" in said


def test_a_run_keeps_what_was_refused_by_the_users_own_signers(company: Company, tmp_path: Path) -> None:
    assert refused(company.folder, load_engagement(company.folder)) is None
    assert company.pov("request", *WHY) == 0
    trust = ["--key", str(company.keys / "engineer"), "--signers", str(company.signers)]
    assert company.pov("refuse", "--reason", "one cluster was agreed", *trust) == 0
    company.file.write_text(company.file.read_text().replace("cpu: 96", "cpu: 48"))
    lowered = load_engagement(company.folder)
    kept = refused(company.folder, lowered)
    assert kept is not None
    assert kept["refusals"] == []
    assert len(kept["left"]) == 1, "nobody is allowed to sign yet"
    own = tmp_path / "config" / "pov" / "allowed_signers"
    own.parent.mkdir(parents=True)
    own.write_text(company.signers.read_text())
    kept = refused(company.folder, lowered)
    assert kept is not None
    (one,) = kept["refusals"]
    assert (one["figures"], one["agreed"]) == ({"cpu": 96}, {"cpu": 48})
    assert (one["by"], one["role"], one["why"]) == ("pat", "engineer", "one cluster was agreed")
    assert one["wished"] == WHY[1]
    assert kept["left"] == []
    assert refused(company.folder, None) is None
