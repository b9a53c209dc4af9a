"""Free ports on the loopback address."""

from __future__ import annotations

import socket
import struct
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"
_TRIES = 50
_ARRIVES_S = 0.5
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)


def free_ports(count: int) -> list[int]:
    """`count` different ports that nothing listens on now, and that reach who listens on them.

    Where a container engine was killed, its rules may still send a port to a container that is gone: such a port looks
    free, and nothing that listens on it is ever heard from. Another process can still take a port before it is used.
    Raises `OSError` if there are not that many.
    """
    with ExitStack() as stack:
        ports: list[int] = []
        for _ in range(count + _TRIES):
            if len(ports) == count:
                return ports
            listener = stack.enter_context(socket.socket())
            listener.bind((LOOPBACK, 0))
            if _reaches(listener):
                ports.append(int(listener.getsockname()[1]))
    raise OSError(f"no {count} ports of {LOOPBACK} reach who listens on them: look for leftover rules of a firewall")


def _reaches(listener: socket.socket) -> bool:
    """Whether a connection to this socket's port arrives at it."""
    listener.listen(1)
    listener.settimeout(_ARRIVES_S)
    with socket.socket() as caller:
        caller.settimeout(_ARRIVES_S)
        # Reset rather than closed: a port that lingers in the kernel could not be bound at once.
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
        try:
            caller.connect(listener.getsockname())
            arrived, address = listener.accept()
        except OSError:
            return False
        arrived.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
        arrived.close()
        return bool(address == caller.getsockname())
