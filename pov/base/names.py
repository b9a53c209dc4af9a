"""Names of environments and engagements: they become parts of host names, of cluster names and of paths."""

from __future__ import annotations

import hashlib
import re
import unicodedata

MOST = 30
PATTERN = r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?"
RULE = "lower-case letters, digits and dashes, at most 30, with a letter first"
_MARK = 6
"""Hexadecimal digits of a digest, which keep apart what was cut."""


def is_name(text: str) -> bool:
    """Whether `text` can stand as a name as it is."""
    return re.fullmatch(PATTERN, text) is not None


def derive(text: str) -> str | None:
    """A name made from any text: `Acme Corp` gives `acme-corp`. None where nothing of it can stand in a name.

    What is too long is cut, and ends with a digest of the whole, so that two long texts stay apart.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-").lstrip("0123456789-")
    if len(slug) > MOST:
        mark = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:_MARK]
        slug = f"{slug[: MOST - _MARK - 1].rstrip('-')}-{mark}"
    return slug or None
