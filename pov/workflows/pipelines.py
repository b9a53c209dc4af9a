"""Ready pipelines that run the gate: files that come along, for the CI that somebody has."""

from __future__ import annotations

from collections.abc import Mapping

from pov.base.paths import data

FILES: Mapping[str, str] = {"jenkins": "Jenkinsfile", "github": "github.yml", "gitlab": "gitlab-ci.yml"}


def text_of(name: str) -> str:
    """A pipeline's text, by the CI that it is for."""
    return data("pipelines", FILES[name]).read_text()
