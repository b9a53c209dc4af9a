"""Work that is begun again: what it bears, and what it does not."""

from __future__ import annotations

import pytest

from pov.base.errors import PovError, Transient
from pov.engines.rest import Untrusted
from pov.model.events import silent
from pov.steps import patience
from pov.steps.core import Report
from pov.steps.patience import bearing


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_INTERVAL_S", 0.0)


@pytest.mark.parametrize("error", [Transient("went away"), Untrusted("Gitea", "self-signed certificate")])
def test_a_server_that_went_away_or_is_another_ones_is_asked_again(error: PovError) -> None:
    answers: list[PovError | str] = [error, "done"]

    def work() -> str:
        answer = answers.pop(0)
        if isinstance(answer, PovError):
            raise answer
        return answer

    assert bearing("the work", work, Report("git", silent)) == "done"


def test_what_is_refused_is_told_at_once() -> None:
    def work() -> str:
        raise PovError("refused")

    with pytest.raises(PovError, match="refused"):
        bearing("the work", work, Report("git", silent))
