"""Discovery: every question, with what was answered. What is open stays open until somebody asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pov.config.scope import Scope

QUESTIONS: tuple[tuple[str, str, str], ...] = (
    ("users", "How many users, at the highest, by the end of the contract?", "the size follows from it"),
    ("availability", "Which availability, in percent of the year?", "one more nine is a price and a lead time"),
    ("recovery.time_minutes", "After a failure, how many minutes until it must work again?", "decides the topology"),
    ("recovery.point_minutes", "How many minutes of work may be lost?", "decides how data is copied"),
    ("regions", "In which regions must it run?", "each further one is built and paid"),
    ("residency", "Where may data lie?", "rules regions out"),
    ("cpu", "How many CPU cores, over all stages?", "the guardrail refuses above the quota"),
    ("memory_gib", "How much memory, in GiB?", "capacity is finite"),
    ("storage_gib", "How much storage, in GiB?", "capacity is finite"),
    ("iops", "How many IOPS at peak?", "from the quota on the engineering VP approves"),
    ("services", "How many services?", "work of the migration"),
    ("compliance", "Which standards must it meet (PCI DSS, SOC 2, …)?", "segments and evidence are built and paid"),
    ("components", "Which existing components must it use?", "some only scale up"),
    ("deal_value", "What is the deal worth?", "above a value a solutions architect takes part"),
    ("start", "When does the work start?", "lead times count from there"),
    ("due", "When must it stand?", "lead times must fit"),
)
"""Key, question, and why it is asked."""


@dataclass(frozen=True)
class Question:
    """One question of discovery with its answer in words; empty while it is open."""

    key: str
    text: str
    why: str
    answer: str = ""

    @property
    def open(self) -> bool:
        """Whether nobody has answered it."""
        return not self.answer

    def as_json(self) -> dict[str, Any]:
        """The question as a JSON object."""
        return {**vars(self), "open": self.open}


def checklist(scope: Scope) -> tuple[Question, ...]:
    """Every question with its answer."""
    return tuple(Question(key, text, why, _answer(scope, key)) for key, text, why in QUESTIONS)


def answers(scope: Scope) -> dict[str, str]:
    """What was answered, in words, by key."""
    return {question.key: question.answer for question in checklist(scope) if not question.open}


def _answer(scope: Scope, key: str) -> str:
    value: Any = scope
    for part in key.split("."):
        value = getattr(value, part)
    if value is None:
        return ""
    if key == "availability":
        return f"{value:.10g} %"
    if key == "deal_value":
        return f"{value.amount:,.10g} {value.currency}"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return f"{value:,.10g}" if isinstance(value, int | float) else str(value)
