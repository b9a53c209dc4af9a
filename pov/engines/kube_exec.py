"""Commands inside pods, over a WebSocket that is verified like every other call."""

# ruff: noqa: PLC0415 - the client costs a third of a second to import: only those who call it pay

from __future__ import annotations

import copy
import json
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from pov.base.errors import CommandFailed, NotFound, PovError, TimedOut, Transient

_STDIN, _STDOUT, _STDERR, _ERROR = range(4)
_CHUNK = 64 * 1024


def run(
    configuration: Any,
    pod: str,
    namespace: str,
    argv: Sequence[str],
    *,
    container: str | None,
    stdin: bytes | None,
    timeout_s: float,
) -> str:
    """Run `argv` in a container and return its standard output.

    Raises `CommandFailed` with both outputs for an exit code other than 0, `TimedOut` after `timeout_s` seconds,
    `NotFound` without such a pod, `Transient` if the connection cannot be made.
    """
    query: list[tuple[str, str]] = [("command", part) for part in argv]
    query += [("stdout", "true"), ("stderr", "true"), ("stdin", "true" if stdin is not None else "false")]
    if container:
        query.append(("container", container))
    path = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/exec"
    channel = _open(configuration, f"{configuration.host}{path}?{urlencode(query)}", f"{namespace}/{pod}")
    try:
        out, err, status = _talk(channel, stdin, time.monotonic() + timeout_s)
    finally:
        channel.close()
    if status is None:
        tail = (err or out).decode(errors="replace")[-1000:]
        raise TimedOut(f"`{' '.join(argv[:6])}` in {namespace}/{pod}: not done after {timeout_s:.0f} s", cause=tail)
    code = _exit_code(status)
    stdout, stderr = out.decode(errors="replace"), err.decode(errors="replace")
    if code != 0:
        raise CommandFailed(argv, code, stdout, stderr or str(status.get("message", "")))
    return stdout


def _open(configuration: Any, url: str, where: str) -> Any:
    from kubernetes.stream.ws_client import WSClient
    from websocket import WebSocketBadStatusException, WebSocketException

    # The WebSocket library reads proxy variables by itself unless it is given a proxy; told to bypass it for every
    # host, it takes the direct way.
    private = copy.copy(configuration)
    private.proxy = "http://unused.invalid:1"
    private.no_proxy = "*"
    headers = {}
    token = configuration.get_api_key_with_prefix("BearerToken")
    if token:
        headers["authorization"] = token
    try:
        return WSClient(private, url.replace("http", "ws", 1), headers, capture_all=False, binary=True)
    except WebSocketBadStatusException as error:
        said = (error.resp_body or b"").decode(errors="replace")[:1000]
        if error.status_code == 404:
            raise NotFound(f"no pod {where}", cause=said) from error
        if error.status_code in {400, 409, 429} or error.status_code >= 500:
            # 400: the container is not running yet.
            raise Transient(f"no command can run in {where} yet", cause=said) from error
        raise PovError(f"no command may run in {where}", cause=said) from error
    except (WebSocketException, OSError) as error:
        raise Transient(f"no connection to {where}", cause=str(error)) from error


def _talk(channel: Any, stdin: bytes | None, deadline: float) -> tuple[bytes, bytes, dict[str, Any] | None]:
    from websocket import WebSocketException

    parts: dict[int, list[bytes]] = {_STDOUT: [], _STDERR: [], _ERROR: []}
    try:
        if stdin is not None:
            for start in range(0, len(stdin), _CHUNK):
                channel.write_channel(_STDIN, stdin[start : start + _CHUNK])
            channel.close_channel(_STDIN)
        ended = False
        while not ended and time.monotonic() < deadline:
            channel.update(timeout=max(0.0, min(1.0, deadline - time.monotonic())))
            # What came with the last frame is read before the end is looked at.
            ended = not channel.is_open()
            for number, into in parts.items():
                into.append(channel.read_channel(number))
    except (WebSocketException, OSError) as error:
        raise Transient("the connection to a command in a pod broke", cause=str(error)) from error
    out, err, status = (b"".join(parts[number]) for number in (_STDOUT, _STDERR, _ERROR))
    if not ended:
        return out, err, None
    if not status:
        raise Transient("the connection to a command in a pod ended early", cause=err.decode(errors="replace")[-500:])
    return out, err, json.loads(status)


def _exit_code(status: dict[str, Any]) -> int:
    if status.get("status") == "Success":
        return 0
    for cause in (status.get("details") or {}).get("causes") or ():
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    return 126
