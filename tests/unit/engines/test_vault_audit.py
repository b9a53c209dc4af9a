"""Vault's audit log: what is taken from it, and what is not; and the search that runs beside the server."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.engines.vault_audit import Entry, entries
from pov.steps.vault.audited import AuditLog

SINCE = datetime(2026, 3, 9, 9, 30, tzinfo=UTC)
PATH = "secret/data/staging/ledger"
ISSUE = "pki_int/issue/service"


def line(at: str = "09:30:00.123456789", path: str = PATH, **changes: Any) -> str:
    """An answered request as the server writes it, every value hashed."""
    hashed = "hmac-sha256:68353c70"
    auth = {
        "client_token": hashed,
        "display_name": "kubernetes-vault-credential-owner",
        "metadata": {"service_account_name": "credential-owner", "service_account_namespace": "vault"},
    }
    request = {"operation": "update", "path": path, "data": {"data": {"value": hashed}}}
    response = {"data": {"created_time": "2026-03-09T09:30:00Z", "deletion_time": hashed, "version": 7}}
    told = {"time": f"2026-03-09T{at}Z", "type": "response", "auth": auth, "request": request, "response": response}
    return json.dumps({**told, **changes}, separators=(",", ":"))


def test_an_entry_tells_who_asked_for_what_when_and_which_version_came_of_it() -> None:
    (one,) = entries([line()], SINCE)
    when = datetime(2026, 3, 9, 9, 30, 0, 123456, tzinfo=UTC)
    assert one == Entry(when, "update", PATH, "credential-owner", "vault", 7)
    assert "hmac" not in json.dumps(asdict(one), default=str), "no value is taken along, not even as a hash"


def test_another_log_in_is_told_by_the_name_that_vault_shows() -> None:
    (one,) = entries([line(auth={"display_name": "root"}, response={"data": {"version": "7"}})], SINCE)
    assert (one.account, one.namespace, one.version) == ("root", "", None)


@pytest.mark.parametrize(
    "left",
    [
        line(at="09:29:59.999999999"), line(type="request"), line(error="permission denied"), line()[:200], "", "[]",
        "7", line(time="yesterday"), line(time=None), line(request=None), line(request={"operation": "read"}),
        "cat: /vault/data/audit.log: No such file or directory",
    ],
)  # fmt: skip
def test_what_was_refused_or_is_no_whole_entry_is_left_out(left: str) -> None:
    assert [one.path for one in entries([left, line()], SINCE)] == [PATH]


@pytest.mark.parametrize("broken", [{"auth": None}, {"auth": 7}, {"response": None}, {"response": {"data": []}}])
def test_an_entry_without_more_is_still_one(broken: dict[str, Any]) -> None:
    assert len(entries([line(**broken)], SINCE)) == 1


def test_entries_come_in_their_order_and_once() -> None:
    lines = [line("09:40:00"), line("09:31:00"), line("09:40:00")]
    assert [one.when.minute for one in entries(lines, SINCE)] == [31, 40]


def in_pod(pod: str, namespace: str, argv: list[str], *, container: str, timeout_s: float) -> str:
    """The command here, in place of the pod."""
    assert (pod, namespace, container) == ("vault-0", "vault", "vault")
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=timeout_s).stdout


def log_in(folder: Path) -> AuditLog:
    ctx: Any = SimpleNamespace(kube=SimpleNamespace(exec=in_pod))
    return AuditLog(ctx, str(folder / "audit.log"))


def test_the_log_in_use_and_those_put_aside_are_searched(tmp_path: Path) -> None:
    other = line("09:34:00", path="secret/data/staging/ledger-archive")
    (tmp_path / "audit.log").write_text("\n".join([line("09:33:00"), other, line("09:35:00", type="request"), ""]))
    (tmp_path / "audit.log.1").write_text(line("09:32:00") + "\n")
    (tmp_path / "audit.log.5").write_text(line("09:20:00") + "\n" + line("09:31:00") + "\n")
    found = log_in(tmp_path).credential_changes("staging", "ledger", SINCE)
    assert [one.when.minute for one in found] == [31, 32, 33]
    assert log_in(tmp_path).credential_changes("dev", "ledger", SINCE) == ()


def test_reading_a_credential_is_no_change_of_it(tmp_path: Path) -> None:
    read = line(request={"operation": "read", "path": PATH})
    (tmp_path / "audit.log").write_text(f"{read}\n")
    assert log_in(tmp_path).credential_changes("staging", "ledger", SINCE) == ()


def test_certificates_are_those_of_the_services_own_account_in_that_stage(tmp_path: Path) -> None:
    def asked(at: str, stage: str, name: str) -> str:
        by = {"service_account_name": name, "service_account_namespace": stage}
        return line(at, path=ISSUE, auth={"metadata": by}, response={"data": {"expiration": 1}})

    told = [
        asked("09:31:00", "staging", "ledger"),
        asked("09:32:00", "dev", "ledger"),
        asked("09:33:00", "staging", "x"),
    ]
    (tmp_path / "audit.log").write_text("\n".join(told) + "\n")
    assert [one.when.minute for one in log_in(tmp_path).certificates("staging", "ledger", SINCE)] == [31]


def test_no_log_at_all_tells_nothing(tmp_path: Path) -> None:
    assert log_in(tmp_path).credential_changes("staging", "ledger", SINCE) == ()
