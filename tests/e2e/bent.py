"""`pov` in which one thing goes wrong, at a point that no outside observer could hit reliably.

bent.py kill:STEP:SECONDS     SIGKILL to itself that long after STEP started; at the latest when it has done its
                              work and is not yet recorded as done
bent.py kill-saving:PATTERN   SIGKILL to itself before the first secret whose name matches is saved
bent.py fail:STEP             the step does its work and then reports a failure
bent.py ports                 the first free ports that are chosen get taken before they are used
"""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import socket
import sys
import threading
from typing import Any, NoReturn


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("survived SIGKILL")


def bend_step(name: str, wrap: Any) -> None:
    from pov.steps import plan

    bring_up = plan.bring_up

    def bent(*arguments: Any) -> Any:
        steps = bring_up(*arguments)
        assert name in {step.name for step in steps}, f"no step {name}"
        return [dataclasses.replace(step, run=wrap(step.run)) if step.name == name else step for step in steps]

    plan.bring_up = bent


def kill(step: str, seconds: str) -> None:
    def wrap(run: Any) -> Any:
        def bent(*arguments: Any) -> Any:
            threading.Timer(float(seconds), die).start()
            run(*arguments)
            die()

        return bent

    bend_step(step, wrap)


def fail(step: str) -> None:
    from pov.base.errors import PovError

    def wrap(run: Any) -> Any:
        def bent(*arguments: Any) -> Any:
            run(*arguments)
            raise PovError("this step was told to fail", cause="a test")

        return bent

    bend_step(step, wrap)


def kill_saving(pattern: str) -> None:
    from pov.state.home import Home

    save = Home.save_secret

    def bent(self: Any, name: str, secret: Any) -> None:
        if re.search(pattern, name):
            die()
        save(self, name, secret)

    Home.save_secret = bent  # type: ignore[method-assign]


def ports() -> None:
    from pov.base import ports as module

    free_ports = module.free_ports
    listeners: list[socket.socket] = []

    def bent(count: int) -> list[int]:
        found = free_ports(count)
        if not listeners:
            for port in found:
                listener = socket.socket()
                listener.bind((module.LOOPBACK, port))
                listener.listen()
                listeners.append(listener)
        return found

    module.free_ports = bent


def main() -> int:
    # As `python -m pov` has it: this script's folder is no place to import from.
    sys.path.pop(0)
    what, *rest = sys.argv[1].split(":")
    {"kill": kill, "kill-saving": kill_saving, "fail": fail, "ports": ports}[what](*rest)
    from pov.cli.main import main as pov

    return pov(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
