"""What a killed trial left is taken back before anything is measured again, and nobody types a command: a stage, and a
release of Argo CD.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.errors import PovError
from pov.experiments.new_stage import NAMESPACE
from pov.experiments.toolbox import Toolbox
from pov.model.events import Event, silent
from pov.steps.landing_zone.deal import Followed, Origin
from pov.workflows import measure
from pov.workflows.differences import known_to_the_prober
from pov.workflows.measure_options import MeasureOptions
from pov.workflows.taking_back import take_back_release, take_back_stage
from tests.unit.experiments.test_new_stage import PARTS, Objects, Platform, boxed, killed_after, left
from tests.unit.experiments.test_upgrade import PINNED, Argo
from tests.unit.experiments.test_upgrade import boxed as upgrading
from tests.unit.experiments.world import BROKEN, World

TRIALS = ["deploy automated 2", "upgrade automated 1"]
"""In which runs were killed."""


class Told(Objects):
    """The cluster, in which the prober's configuration says of which stages it was told."""

    label = "pov.dev/stage"

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        if kind == "v1/ConfigMap" and name == "prober":
            names = ["staging", "dev", *self._platform.held.get("prober", ())]
            return {"data": {"prober.json": json.dumps({"estates": [{"name": one} for one in names]})}}
        if kind == NAMESPACE:
            return {"metadata": {"labels": {self.label: name}}} if self._platform.namespace else None
        return super().get(kind, name, namespace)


@pytest.fixture
def platform() -> Platform:
    return Platform(World())


def box_of(platform: Platform, folder: Path) -> Toolbox:
    return replace(boxed(platform, folder), cluster=Told(platform))


@pytest.mark.parametrize("steps", range(len(PARTS) + 1))
def test_it_is_taken_away_and_told(platform: Platform, tmp_path: Path, steps: int) -> None:
    killed_after(platform, PARTS[:steps])
    box, events = box_of(platform, tmp_path), list[Event]()
    assert take_back_stage(box, events.append, None)
    assert left(platform) == []
    assert set(known_to_the_prober(box.cluster)) == {"staging", "dev"}
    assert [event.kind for event in events] == ["started", "finished"]
    assert "the stage qa, which a killed trial of new-stage left" in events[0].message
    assert not take_back_stage(box, silent, None), "there is nothing left the second time"


def test_where_none_was_left_nothing_is_touched(platform: Platform, tmp_path: Path) -> None:
    assert not take_back_stage(box_of(platform, tmp_path), silent, None)
    assert platform.order == []


def test_a_namespace_that_terraform_made_is_enough_and_somebody_elses_is_not(
    platform: Platform, tmp_path: Path
) -> None:
    platform.namespace = True
    box = box_of(platform, tmp_path)
    others = Told(platform)
    others.label = "team"
    assert not take_back_stage(replace(box, cluster=others), silent, None)
    assert platform.namespace
    assert take_back_stage(box, silent, None)
    assert left(platform) == []


def test_a_stage_of_that_name_that_the_followed_deal_asks_for_is_nobodys_leftover(
    platform: Platform, tmp_path: Path
) -> None:
    """Terraform would keep it, whatever is taken away: nothing could be measured in that environment any more."""
    platform.namespace = True
    box, deal = box_of(platform, tmp_path), Followed(Origin("c", "m", 1, "p"), tmp_path)
    (tmp_path / "deal").mkdir()
    stages = "apiVersion: pov.dev/v1\nkind: Stages\nstages: {%s: {cpu: 1, memoryGib: 1, pods: 9, services: 9}}\n"
    (tmp_path / "deal" / "stages.yaml").write_text(stages % "qa")
    assert not take_back_stage(box, silent, deal)
    assert platform.order == []
    assert platform.namespace
    (tmp_path / "deal" / "stages.yaml").write_text(stages % "dev")
    assert take_back_stage(box, silent, deal)
    assert left(platform) == []


def test_what_stays_is_told_with_the_command_that_takes_it_away(platform: Platform, tmp_path: Path) -> None:
    killed_after(platform, PARTS)
    platform.world.down["landing_zone"] = BROKEN
    events: list[Event] = []
    with pytest.raises(PovError, match="the stage qa, which a killed trial of new-stage left, could not be") as caught:
        take_back_stage(box_of(platform, tmp_path), events.append, None)
    assert "landing_zone: broken" in caught.value.cause
    assert "pov up" in caught.value.fix
    assert [event.kind for event in events] == ["started", "failed"]
    platform.world.down.clear()
    assert take_back_stage(box_of(platform, tmp_path), silent, None), "it is found again, and goes"
    assert left(platform) == []


@contextmanager
def unlocked() -> Iterator[None]:
    yield


def test_a_new_run_takes_it_away_before_it_compares_what_runs(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison would refuse a stage that no scenario has, and name a command to type."""
    killed_after(platform, PARTS)
    world, box = platform.world, box_of(platform, tmp_path)
    home = SimpleNamespace(lock=unlocked, runs_dir=tmp_path / "runs")
    ctx = SimpleNamespace(engagement=None, home=home, name="one", scenario=world.scenario, kube=box.cluster, deal=None)
    monkeypatch.setattr("pov.workflows.environment.attach", lambda *_: ctx)
    monkeypatch.setattr("pov.workflows.environment.recall", lambda *_: SimpleNamespace(engagement=None))
    monkeypatch.setattr("pov.workflows.toolbox.toolbox", lambda _: box)
    monkeypatch.setattr("pov.workflows.record.asked", lambda _: None)
    seen: list[list[str]] = []

    def compare(cluster: Any, _: None) -> None:
        seen.append(list(known_to_the_prober(cluster)))
        raise PovError("far enough")

    monkeypatch.setattr(measure, "compare", compare)
    monkeypatch.setattr(measure, "killed", lambda folder: [("run", trial) for trial in TRIALS])
    monkeypatch.setattr(measure, "take_back_release", lambda box, trials, emit: seen.append(trials))
    with pytest.raises(PovError, match="far enough"):
        measure.run(MeasureOptions(tmp_path, experiments=("deploy",)), silent)
    assert seen == [TRIALS, ["staging", "dev"]]
    assert left(platform) == []


def test_a_release_that_a_killed_upgrade_left_is_replaced_by_the_pinned_one(tmp_path: Path) -> None:
    argo = Argo(World())
    box, events = upgrading(argo, tmp_path), list[Event]()
    box.platform.earlier().install()
    argo.world.clock.sleep(60.0)
    assert argo.version() == "v3.6.0"
    assert take_back_release(box, TRIALS, events.append)
    assert argo.version() == "v3.6.1"
    assert [event.kind for event in events] == ["started", "finished"]
    assert "Argo CD v3.6.1 again, which a killed trial of upgrade had taken out" in events[0].message
    assert not take_back_release(box, TRIALS, silent), "there is nothing left the second time"


@pytest.mark.parametrize("after_s", [0.5, 3.0, 7.0])
def test_one_that_is_only_on_its_way_in_is_replaced_too(tmp_path: Path, after_s: float) -> None:
    """The trial was killed while the cluster still worked on what it had applied."""
    argo = Argo(World())
    box = upgrading(argo, tmp_path)
    box.platform.earlier().install()
    argo.world.clock.sleep(after_s)
    assert take_back_release(box, TRIALS, silent)
    argo.world.clock.sleep(60.0)
    assert argo.version() == "v3.6.1"
    assert {pod.image for pod in argo.pods.values()} == {argo.runs}


def test_another_argo_cd_that_no_killed_upgrade_left_is_nobodys_leftover(tmp_path: Path) -> None:
    """An environment that another version of this toolkit brought up has the release that it pinned."""
    argo = Argo(World())
    box = upgrading(argo, tmp_path)
    box.platform.earlier().install()
    argo.world.clock.sleep(60.0)
    for trials in ([], ["deploy automated 1"], ["upgraded automated 1"]):
        assert not take_back_release(box, trials, silent)
    assert argo.version() == "v3.6.0"


def test_a_pinned_release_that_does_not_come_back_is_told(tmp_path: Path) -> None:
    argo, events = Argo(World()), list[Event]()
    box = upgrading(argo, tmp_path)
    box.platform.earlier().install()
    argo.unready = argo.release(PINNED).image
    with pytest.raises(PovError, match="a killed trial of upgrade left another") as caught:
        take_back_release(box, TRIALS, events.append)
    assert "server: 0 of 1 ready" in caught.value.cause
    assert "pov up" in caught.value.fix
    assert [event.kind for event in events] == ["started", "failed"]
