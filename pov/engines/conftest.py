"""Conftest: documents judged by policies in Rego.

It passes what it has no rule for, and a name of rules that nobody wrote: so a run in which no rule was tried is an
error here, never a pass. It reads a settings file where it stands, so it stands in an empty folder of its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pov.base import variables
from pov.base.errors import PovError
from pov.base.process import run
from pov.base.scratch import scratch

_LIMIT_S = 60.0


@dataclass(frozen=True)
class Finding:
    """One thing that a rule tells: its sentence, and whatever else the rule puts beside it."""

    text: str
    more: dict[str, Any]


@dataclass(frozen=True)
class Judgement:
    """What rules refuse, and what they only tell. `rules` is how many were tried, at least."""

    refused: tuple[Finding, ...]
    told: tuple[Finding, ...]
    rules: int


class Conftest:
    """The program, and the folder of policies that it judges by."""

    def __init__(self, program: Path, policies: Path) -> None:
        self._program = program
        self._policies = policies

    def judge(self, document: Path, namespace: str) -> Judgement:
        """Judge one JSON document by the rules of a namespace. Raises `PovError` where they cannot be tried."""
        return self._judged(namespace, "--parser", "json", str(document))

    def judge_blocks(self, files: Sequence[Path], namespace: str) -> Judgement:
        """Judge files of HCL2, all as one. Raises `PovError` where they cannot be read, or the rules not be tried."""
        return self._judged(namespace, "--combine", "--parser", "hcl2", *map(str, files))

    def _judged(self, namespace: str, *what: str) -> Judgement:
        how = ("--strict", "--show-builtin-errors", "--no-color", "--output", "json")
        code, said, complained = self._run(
            "test", *how, "--policy", str(self._policies), "--namespace", namespace, *what
        )
        try:
            results = json.loads(said)
            refused = tuple(_finding(one) for result in results for one in result.get("failures") or ())
            told = tuple(_finding(one) for result in results for one in result.get("warnings") or ())
            passed = sum(int(result.get("successes") or 0) for result in results)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            cause = complained.strip()[-1500:] or str(error)
            raise PovError("the policies could not be tried", cause=cause) from error
        rules = passed + len(refused) + len(told)
        if rules == 0 or code != (1 if refused else 0):
            raise PovError(f"no rule of {namespace} was tried", cause=complained.strip()[-1500:])
        return Judgement(refused, told, rules)

    def _run(self, *arguments: str) -> tuple[int, str, str]:
        env = variables.given_to("conftest")
        with scratch() as folder:
            done = run(
                [str(self._program), *arguments], timeout_s=_LIMIT_S, cwd=folder, check=False,
                env={**env, "HOME": str(folder)},
            )  # fmt: skip
        return done.code, done.stdout, done.stderr


def _finding(found: dict[str, Any]) -> Finding:
    more = {key: value for key, value in (found.get("metadata") or {}).items() if key != "query"}
    return Finding(str(found["msg"]), more)
