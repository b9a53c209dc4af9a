"""Who runs this program, where."""

from __future__ import annotations

import os
import pwd
import socket


def whoami() -> str:
    """This user on this machine, as Terraform writes it into a lock: it asks the system first, then a variable."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = os.environ.get("USER", "")
    return f"{user}@{socket.gethostname()}"
