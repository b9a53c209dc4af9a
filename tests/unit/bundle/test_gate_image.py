"""The gate's image: what is in it is enough, and nothing of it makes the bundle another one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pov.base.errors import PovError
from pov.base.paths import data
from pov.bundle import gate_image, graph
from pov.bundle.gate_image import check_python, put_code, put_libraries

_PROGRAM = """
import sys
sys.path[:0] = sys.argv[1:3]
import pov.cli.in_cluster, pov.workflows.gate_runner, pov.workflows.gate_cluster
import pov.workflows.gate_fetch, pov.workflows.gate_job, pov.engines.gitea_pulls
import pov.bundle.gate_image
from pov.base.paths import data
from pov.config.offering import load_offering, shipped
from pov.config.scenario import list_scenarios, load_scenario
from pov.engines.kube_api import Connection
from pov.engines.terraform import Terraform
from pov.steps.landing_zone.asking import sizes
from kubernetes.client.configuration import Configuration
from kubernetes.client.rest import RESTClientObject
from kubernetes.config import load_kube_config
RESTClientObject(Configuration())
load_offering(shipped())
assert [load_scenario(name) for name in list_scenarios()]
assert list(data("policies").rglob("*.rego")) and list(data("terraform", "modules").rglob("*.tf"))
print(pov.__file__, *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_what_is_in_it_is_all_that_it_imports(tmp_path: Path) -> None:
    code, libraries = tmp_path / "code", tmp_path / "libraries"
    put_code(code)
    put_libraries(libraries)
    # Without the packages of this environment, as in the image.
    argv = [sys.executable, "-I", "-S", "-c", _PROGRAM, str(code), str(libraries)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(code / "pov"))
    assert not (code / "pov" / "_data" / "mock_services").exists()


def test_nothing_private_and_no_cache_is_copied(tmp_path: Path) -> None:
    put_code(tmp_path)
    names = {path.name for path in tmp_path.rglob("*")}
    assert "__pycache__" not in names
    assert not [name for name in names if name.startswith(".")]
    assert (tmp_path / "pov" / "_data" / "offering" / "standard.yaml").read_bytes() == data(
        "offering", "standard.yaml"
    ).read_bytes()


@pytest.mark.parametrize(
    ("version", "system", "machine"),
    [((3, 12), "linux", "x86_64"), ((3, 11), "darwin", "x86_64"), ((3, 11), "linux", "aarch64")],
)
def test_where_its_libraries_would_not_run_it_is_not_made(version: tuple[int, int], system: str, machine: str) -> None:
    with pytest.raises(PovError, match="cannot be made here") as told:
        check_python(version, system, machine)
    assert f"{version[0]}.{version[1]} on {system} {machine}" in told.value.cause
    assert "gate: true" in told.value.fix


def test_the_bundle_knows_nothing_of_it() -> None:
    parts = {part.name for part in graph.components(_no_engine, tofu=True)}
    assert not {"gate-programs", "gate-libraries", "gate-code"} & parts
    assert "base" in parts
    assert gate_image.REPOSITORY not in graph.NODE_REPOSITORIES


def _no_engine() -> object:
    raise AssertionError
