"""Random secrets of an environment, made once and kept in its home."""

from __future__ import annotations

import secrets
import threading

from pov.base.redact import Secret
from pov.state.home import Home

_BYTES = 24
_LOCK = threading.Lock()


def random_secret() -> Secret:
    """A new secret of 192 random bits, in letters, digits, `-` and `_`."""
    return Secret(secrets.token_urlsafe(_BYTES))


def kept(home: Home, name: str) -> Secret:
    """The secret of that name; made and saved if there is none. Steps that run side by side get the same one."""
    with _LOCK:
        held = home.secret(name)
        if held is None:
            held = random_secret()
            home.save_secret(name, held)
        return held
