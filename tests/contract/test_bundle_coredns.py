"""The built CoreDNS has a main of its own with few plugins: they are all that this kubeadm's Corefile names."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from pov.bundle import Bundle, versions
from pov.steps.templates import documents

pytestmark = [pytest.mark.contract, pytest.mark.timeout(60)]


def said(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True).stdout


def program(bundle: Bundle, name: str) -> str:
    """A program of the engines; kubectl, which is used on the host as well, lies among them."""
    return str(Path(bundle.binaries["kubectl"]).parent / name)


def directives(corefile: str) -> set[str]:
    """The first words of the lines in the server block itself, not in a plug-in's own block."""
    found, depth = set(), 0
    for line in corefile.splitlines():
        word = re.match(r"\s*([a-z]+)", line)
        if depth == 1 and word:
            found.add(word[1])
        depth += line.count("{") - line.count("}")
    return found


def test_every_plugin_of_the_corefile_is_in_it(bundle: Bundle) -> None:
    if bundle.source != "built":
        pytest.skip("the official image has every plugin")
    declared = said(
        program(bundle, "kubeadm"), "init", "phase", "addon", "coredns", "--print-manifest",
        "--kubernetes-version", f"v{versions.KUBERNETES}",
    )  # fmt: skip
    (corefile,) = (one["data"]["Corefile"] for one in documents(declared) if one["kind"] == "ConfigMap")
    named = directives(corefile)
    assert {"kubernetes", "forward", "cache", "errors", "prometheus"} <= named
    listed = {line.removeprefix("dns.") for line in said(program(bundle, "coredns"), "-plugins").split()}
    assert named <= listed
    assert versions.COREDNS in said(program(bundle, "coredns"), "-version")


def test_a_plugin_that_is_not_in_it_is_named_when_it_is_asked_for(bundle: Bundle, tmp_path: Path) -> None:
    if bundle.source != "built":
        pytest.skip("the official image has every plugin")
    (tmp_path / "Corefile").write_text(".:0 {\n    route53 example.org.:Z1\n}\n")
    done = subprocess.run(
        [program(bundle, "coredns"), "-conf", str(tmp_path / "Corefile")],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "route53" in done.stdout + done.stderr
