"""The files that are attached to a PDF, byte for byte."""

from __future__ import annotations

import io

from pov.base.errors import NoSuchInput, NotFound, PovError

_HEADER, _END = b"%PDF-", b"startxref"
_FIX = "check the path, or have the report sent again"


def attachments(pdf: bytes) -> dict[str, bytes]:
    """Attached files by name. Raises `NoSuchInput` for what is no PDF, `PovError` for a damaged one, `NotFound` for one
    without attachments.
    """
    import pypdf  # noqa: PLC0415 (only who verifies a report needs it)
    from pypdf.errors import PyPdfError  # noqa: PLC0415 (as above)

    # Viewers, too, look for the header in the first kilobyte. What ends as a PDF is one, and its beginning is damaged.
    if _HEADER not in pdf[:1024] and _END not in pdf[-1024:]:
        raise NoSuchInput("this is no PDF", cause=f"it does not begin with {_HEADER.decode()}", fix=_FIX)
    try:
        reader = pypdf.PdfReader(io.BytesIO(pdf), strict=True)
        found = {name: b"".join(contents) for name, contents in reader.attachments.items()}
    except (PyPdfError, ValueError, LookupError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise PovError("this PDF cannot be read", cause=f"{type(error).__name__}: {error}", fix=_FIX) from error
    if not found:
        raise NotFound("nothing is attached to this PDF", cause="a report carries its samples", fix=_FIX)
    bad = [name for name in found if not name or "/" in name or "\\" in name or name.startswith(".")]
    if bad:
        raise PovError("this PDF has attachments whose names are no plain file names", cause=repr(bad[0]), fix=_FIX)
    return found
