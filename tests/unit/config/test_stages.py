from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from pov.base.errors import InvalidInput
from pov.base.paths import data
from pov.config.schema import json_schema
from pov.config.stages import load_stages

HEAD = "apiVersion: pov.dev/v1\nkind: Stages\nstages:\n"
NONE = {"iops": 0, "storage_gib": 0}
PROD = "  prod: {cpu: 8, memoryGib: 4, pods: 10, services: 10}\n"


def test_stages_are_read_as_terraform_takes_them(tmp_path: Path) -> None:
    file = tmp_path / "stages.yaml"
    file.write_text(HEAD + PROD)
    assert load_stages(file) == {"prod": {"cpu": 8, "memory_gib": 4, "pods": 10, "services": 10, **NONE}}


@pytest.mark.parametrize(
    "text",
    [
        HEAD + PROD.replace("cpu: 8", "cpu: -8"),
        HEAD + PROD.replace("cpu: 8", "cpu: 0"),
        HEAD + PROD.replace("cpu: 8", "cpu: .inf"),
        HEAD + PROD.replace("cpu: 8", "cpu: .nan"),
        HEAD + PROD.replace("cpu: 8", "cpu: 2000000"),
        HEAD + PROD.replace("cpu: 8", "cpu: many"),
        HEAD + PROD.replace("pods: 10", "pods: 1.5"),
        HEAD + PROD.replace("services: 10", "services: 10, iops: -1"),
        HEAD + PROD.replace("services: 10", "services: 10, storageGib: -1"),
        HEAD + PROD.replace("services: 10", "services: 10, gpu: 1"),
        HEAD + PROD.replace(", services: 10", ""),
        HEAD + PROD.replace("prod", "Prod"),
        HEAD + PROD.replace("prod", '""'),
        HEAD + "  {}\n",
        "stages: {}\n",
        "",
    ],
)
def test_wrong_stages_are_told_with_their_place(text: str, tmp_path: Path) -> None:
    file = tmp_path / "stages.yaml"
    file.write_text(text)
    with pytest.raises(InvalidInput) as told:
        load_stages(file)
    assert all(problem.where.startswith(str(file)) for problem in told.value.problems)


def test_the_published_schema_takes_the_shipped_ones_and_refuses_what_is_wrong() -> None:
    shipped = sorted(data("scenarios").glob("*/*/stages.yaml"))
    assert shipped
    for path in shipped:
        document = json.loads(json.dumps(YAML(typ="safe").load(path.read_text())))
        jsonschema.validate(document, json_schema("stages"))
        wrong: tuple[dict[str, object], ...] = (
            {"stages": {}},
            {"kind": "Scenario"},
            {"gpu": 1},
            {"stages": {"Prod": {}}},
        )
        for bad in wrong:
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate({**document, **bad}, json_schema("stages"))
