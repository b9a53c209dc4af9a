"""When `pov status` says that a CA is due: at the same moments at which `pov up` does something about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pov.engines.certificates import Details
from pov.steps.vault.authorities import Authorities, warnings

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = 3600


def life(hours: float, left: float) -> Details:
    end = NOW + timedelta(hours=left)
    return Details("CN=x", "CN=x", "1", end - timedelta(hours=hours), end, (), "")


@pytest.mark.parametrize(
    ("issuing", "root", "said"),
    [
        (life(720, 720), life(8760, 8760), []),
        (life(720, 241), life(8760, 8000), []),
        (life(720, 239), life(8760, 8000), ["pov up renews it"]),
        (life(720, 24), life(8760, 8000), ["issues no certificate any more: pov up renews it"]),
        (life(720, -1), life(8760, 8000), ["issues no certificate"]),
        (life(720, 600), life(8760, 719), ["the root CA ends 2026-06-30 23:00 UTC"]),
        (life(720, 100), life(8760, 100.02), ["pov down, then pov up"]),
        (life(720, 20), life(8760, 20.02), ["issues no certificate", "nobody renews it"]),
    ],
)
def test_what_is_due_is_said(issuing: Details, root: Details, said: list[str]) -> None:
    found = warnings(Authorities(issuing, root), 24 * HOUR, NOW)
    assert len(found) == len(said)
    assert all(part in line for part, line in zip(said, found, strict=True))
