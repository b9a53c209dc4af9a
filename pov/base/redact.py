"""Secrets that cannot be printed by accident."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from typing import NoReturn

HIDDEN = "***"


class Secret:
    """A value that shows as `***` in text, logs and tracebacks; only `reveal()` gives it out."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself: call it where it is handed over, never earlier."""
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not serialised")


def random_secret() -> Secret:
    """256 random bits, as text that fits everywhere."""
    return Secret(secrets.token_urlsafe(32))


def redact(text: str, hidden: Iterable[Secret]) -> str:
    """`text` with every secret replaced by `***`, line by line for those with several lines."""
    for secret in hidden:
        value = secret.reveal()
        for part in {value, *value.splitlines()}:
            if len(part) >= 6:
                text = text.replace(part, HIDDEN)
    return text
