"""Which manifests are tried, and where nothing is called checked; what a cluster says of them is a contract test."""

from __future__ import annotations

from pathlib import Path

import pytest

from pov.base.errors import InvalidInput, Transient
from pov.workflows.gate_admission import admission, tried
from tests.unit.engines.fake_kube import FakeApi, over

GOOD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: staging}\n"


def test_without_manifests_or_an_environment_nothing_is_called_checked(tmp_path: Path) -> None:
    assert "--manifests" in admission(None, tmp_path, "demo").not_checked
    (tmp_path / "a.yaml").write_text(f"{GOOD}---\n---\n{GOOD}")
    assert admission(tmp_path, tmp_path, "demo").not_checked == "no environment demo runs here (pov up)"


def test_a_cluster_that_does_not_answer_has_checked_nothing(tmp_path: Path) -> None:
    api = FakeApi()
    api.answers["GET", "/readyz"] = Transient("no answer")
    assert "does not answer" in tried([], over(api, tmp_path), "demo").not_checked


@pytest.mark.parametrize(
    "text",
    [
        None,
        "[1, 2]\n",
        "kind: ConfigMap\nmetadata: {name: a}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 1}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: name\n",
        "a: &x [1]\nb: [*x, *x]\n",
        "a: [\n",
        "a: \udcff",
        "#" * 1_100_000,
    ],
    ids=["none", "list", "no-version", "no-name", "number", "text", "alias", "broken", "letters", "huge"],
)
def test_what_is_no_manifest_is_bad_input(text: str | None, tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    folder.mkdir()
    if text is not None:
        (folder / "a.yaml").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InvalidInput):
        admission(folder, tmp_path, "demo")
