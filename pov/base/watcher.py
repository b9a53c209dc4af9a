"""The program that ends a killed `pov`'s commands: run by its path, of the standard library alone. See `orphans`.

Reads lines `+GROUP` and `-GROUP`; at the end of its input it does with the groups that are left what Ctrl-C does.
"""

import os
import signal
import sys
import time

_GRACE_S = 5.0
_LOOK_S = 0.02


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


def _end(groups: set[int]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        for group in groups:
            try:
                os.killpg(group, number)
            except OSError:
                continue
        until = time.monotonic() + _GRACE_S
        while groups and time.monotonic() < until:
            groups = {group for group in groups if _is_there(group)}
            time.sleep(_LOOK_S)


def _main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    _end(groups)


if __name__ == "__main__":
    _main()
