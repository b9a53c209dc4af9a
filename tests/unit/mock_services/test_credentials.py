"""A service and its credential: taken up without a restart, told by its fingerprint alone, waited for."""

from __future__ import annotations

import subprocess
from pathlib import Path

from pov.base.redact import Secret
from pov.base.wait import Pending, wait_for
from pov.engines.prober import Identity, Prober
from pov.experiments.secret import fingerprint
from tests.unit.mock_services.pki import spiffe
from tests.unit.mock_services.running import LIMIT_S, Estate


def until(prober: Prober, wanted: str) -> Identity:
    def look() -> Identity | Pending:
        (row,) = prober.identify("staging", ["b"])
        return row if row.credential == wanted else Pending(row.credential or row.error)

    return wait_for("the credential", look, timeout_s=LIMIT_S, interval_s=0.05)


def put(path: Path, value: str) -> None:
    half = path.with_suffix(".new")
    half.write_text(value)
    half.replace(path)


def test_a_service_waits_for_its_credential_and_takes_up_the_next_one(estate: Estate, tmp_path: Path) -> None:
    file = tmp_path / "credential"
    process, prober = estate.prober()
    with estate.service("b", flags=["--credential", str(file)]) as service, process:
        process.until_ready()
        until(prober, "")
        answer = service.page("/ready")
        assert answer is None or answer.status_code == 503
        for value in ("the first\n", "the second"):
            put(file, value)
            row = until(prober, fingerprint(Secret(value.strip())))
            assert not row.error
            service.until_ready()
        # What cannot be used leaves what is in use.
        put(file, "")
        put(tmp_path / "other", "")
        assert until(prober, fingerprint(Secret("the second"))).error == ""
        assert service.running()
        prober.close()
    assert not any("the first" in line or "the second" in line for line in service.log)


def test_a_service_that_reads_once_keeps_its_old_one_and_needs_one_to_start(estate: Estate, tmp_path: Path) -> None:
    file = tmp_path / "credential"
    flags = ["--credential", str(file), "--reload=false"]
    with estate.service("b", flags=flags) as service:
        assert service.wait() == 1
    assert any("no credential" in line for line in service.log)
    put(file, "old")
    process, prober = estate.prober()
    with estate.service("b", flags=flags) as service, process:
        process.until_ready()
        service.until_ready()
        put(file, "new")
        until(prober, fingerprint(Secret("old")))
        prober.close()
    with estate.service("b", flags=flags) as service, estate.prober()[0]:
        service.until_ready()


def test_the_old_one_is_refused_by_a_real_request_once_the_next_is_in_use(estate: Estate, tmp_path: Path) -> None:
    file = tmp_path / "credential"
    put(file, "the-first")
    process, prober = estate.prober()

    def presented(*values: str, of: str = "b", peer: str = "b", code: int = 0) -> list[str]:
        port = estate.addresses["b"].rpartition(":")[2]
        argv = [estate.program, "present", "--certs", estate.certs(of), "--port", port, "--peer", spiffe(peer)]
        done = subprocess.run(
            [str(part) for part in argv], input="".join(f"{value}\n" for value in values), capture_output=True,
            text=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert not any(value in done.stdout + done.stderr for value in values if value)
        return done.stdout.split()

    with estate.service("b", flags=["--credential", str(file)]) as service, process:
        process.until_ready()
        service.until_ready()
        assert presented("the-first", "the-second") == ["200", "401"]
        assert presented("the-first", of="a") == ["200"], "a may call b"
        assert presented("the-first", of="c") == ["403"], "c may not, whatever it holds"
        assert presented("the-first", peer="a", code=1) == [], "what answers there is not a"
        assert presented("", code=1) == []
        put(file, "the-second")
        until(prober, fingerprint(Secret("the-second")))
        assert presented("the-first", "the-second") == ["401", "200"]
        prober.close()
    assert not any("the-first" in line or "the-second" in line for line in service.log)
