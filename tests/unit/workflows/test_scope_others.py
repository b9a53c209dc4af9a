"""Other deals are summed up in what an architect looks at, too; that signatures count is a contract test."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pov.base.clock import SYSTEM_CLOCK
from pov.base.errors import InvalidInput, PovError
from pov.cli.main import main
from pov.config.engagement import load_engagement
from pov.model.events import silent
from pov.workflows import approvals
from pov.workflows.approvals import Trust
from pov.workflows.init import InitOptions, run
from pov.workflows.record import _scope
from pov.workflows.scope_show import ShowOptions, run_show
from tests.unit.scoping.test_approvals import approval

NOT_LOOKED_AT = "other deals' approvals were not looked at"


class Company:
    """An engagement, and a register with the approval of another deal for 2,000 of the platform's 2,048 cores."""

    def __init__(self, root: Path) -> None:
        self.folder = run(InitOptions(root / "acme"), silent).folder
        with (self.folder / "engagement.yaml").open("a") as file:
            file.write("scope: {users: 40000, cpu: 60}\n")
        self.own = root / "config" / "pov"
        self.signers = self.own / "allowed_signers"
        self.signers.parent.mkdir(parents=True)
        self.signers.touch()

    def kept(self, register: Path) -> Path:
        now = SYSTEM_CLOCK.wall()
        subject = approvals.Subject("another-deal", "elsewhere", "s", "o")
        record = approval(subject=subject, figures={"cpu": 2000}, issued=now, expires=now + timedelta(days=30))
        (register / "deal").mkdir(parents=True)
        (register / "deal" / "a.json").write_bytes(record.as_bytes())
        (register / "deal" / "a.json.sig").write_text("signed")
        return register


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Company:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(Trust, "verify", lambda *_: "engineer/pat")
    return Company(tmp_path)


def test_show_sums_up_a_register_that_is_named(company: Company, tmp_path: Path) -> None:
    register = company.kept(tmp_path / "others")
    assert NOT_LOOKED_AT in run_show(ShowOptions(company.folder), silent).assessment.capacity.note
    found = run_show(ShowOptions(company.folder, register=register), silent).assessment
    assert NOT_LOOKED_AT not in found.capacity.note
    (reason,) = found.reasons
    assert "CPU cores: 60 asked, 48 of 2,048 left" in reason.text


@pytest.mark.parametrize("named", [True, False])
def test_check_sums_up_a_register_that_is_named_else_the_users_own_and_says_where_there_is_none(
    named: bool, company: Company, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    check = ["--engagement", str(company.folder), "scope", "check"]
    unseen = "not checked: capacity over other deals: no register of their approvals is at hand (--register DIR)"
    capsys.readouterr()
    assert main(check) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(unseen)
    assert said[1:] == ["No approval is needed."]
    register = company.kept(tmp_path / "others" if named else company.own / "register")
    assert main([*check, *(("--register", str(register)) if named else ())]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "refused: scope is not approved: cto or engineer or engineering-vp may approve it"
    assert "not checked" not in str(said)


def test_show_sums_up_the_users_own_register_on_its_page_too(
    company: Company, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import pypdf

    company.kept(company.own / "register")
    capsys.readouterr()
    page = tmp_path / "deal.pdf"
    assert main(["--engagement", str(company.folder), "scope", "show", "--json", "--pdf", str(page)]) == 0
    cpu = json.loads(capsys.readouterr().out)["capacity"]["uses"][0]
    assert (cpu["taken"], cpu["left"], cpu["over"]) == (2000, 48, True)
    drawn = " ".join(" ".join(one.extract_text() for one in pypdf.PdfReader(page).pages).split())
    assert "CPU cores 2,048 2,000 60 48" in drawn


def test_what_a_run_keeps_for_its_report_sums_up_the_users_own_register(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    engagement, now = load_engagement(company.folder), datetime.now(UTC)
    kept = _scope(engagement, now)
    assert kept is not None
    assert kept["capacity"]["summed"] is False
    company.kept(company.own / "register")
    kept = _scope(engagement, now)
    assert kept is not None
    assert kept["capacity"]["summed"] is True
    assert kept["capacity"]["uses"][0]["taken"] == 2000

    def fails(*_: object) -> str:
        raise PovError("too many")

    monkeypatch.setattr(approvals, "records", fails)
    kept = _scope(engagement, now)
    assert kept is not None
    assert kept["capacity"]["summed"] is False, "it stops no run"


def test_without_signers_nobody_looked_and_signers_of_the_deal_itself_are_refused(company: Company) -> None:
    register = company.kept(company.own / "register")
    company.signers.unlink()
    assert NOT_LOOKED_AT in run_show(ShowOptions(company.folder), silent).assessment.capacity.note
    inside = company.folder / "signers"
    inside.touch()
    with pytest.raises(InvalidInput, match="lies in what is under review"):
        run_show(ShowOptions(company.folder, register=register, trust=Trust(inside)), silent)
