"""Vault's audit log: who asked for what when, and was granted it. OpenBao and HashiCorp Vault write it alike.

Of an entry the named fields below are read and no other: values that the log keeps as hashes are not even looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One answered request. `account` is the service account, or the name that Vault shows of another log-in.

    `namespace` is the account's, empty for what is no service account. `version` is what a write to the KV store made.
    """

    when: datetime
    operation: str
    path: str
    account: str
    namespace: str = ""
    version: int | None = None


def entries(lines: Iterable[str], since: datetime) -> tuple[Entry, ...]:
    """Requests that were granted since then, oldest first. What is no whole entry, as the last line may be, is left."""
    # A log that is put aside while it is read comes twice.
    found = {one for line in lines if (one := _entry(line)) is not None and one.when >= since}
    return tuple(sorted(found, key=lambda one: one.when))


def _entry(line: str) -> Entry | None:
    try:
        told = json.loads(line)
        if told["type"] != "response" or told.get("error"):
            return None
        auth, request = _mapping(told.get("auth")), told["request"]
        by = _mapping(auth.get("metadata"))
        version = _mapping(_mapping(told.get("response")).get("data")).get("version")
        return Entry(
            datetime.fromisoformat(told["time"]),
            str(request["operation"]),
            str(request["path"]),
            str(by.get("service_account_name") or auth.get("display_name") or ""),
            str(by.get("service_account_namespace") or ""),
            version if isinstance(version, int) else None,
        )
    except (ValueError, KeyError, TypeError):
        return None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
