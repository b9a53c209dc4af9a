"""A Kubernetes API that knows one ConfigMap, which can be watched and changed."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pov.engines.certificates import issue, make_ca


class PolicyApi:
    """`account` is the folder that a pod would have mounted: token and CA."""

    def __init__(self, account: Path) -> None:
        self.account = account
        self.url = ""
        self.over = False
        self._version = 1
        self._data = {"generation": "1", "spreadSeconds": "0"}
        self._changed = Condition()

    def put(self, generation: int | str) -> None:
        with self._changed:
            self._version += 1
            self._data = {"generation": str(generation), "spreadSeconds": "0"}
            self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self.over = True
            self._changed.notify_all()

    def listed(self) -> dict[str, Any]:
        return {"metadata": {"resourceVersion": str(self._version)}, "items": [{"data": self._data}]}

    def after(self, version: int) -> tuple[int, dict[str, Any]]:
        """The next event after a version; an empty one when it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self.over or self._version > version)
            if self.over:
                return version, {}
            metadata = {"resourceVersion": str(self._version)}
            return self._version, {"type": "MODIFIED", "object": {"metadata": metadata, "data": self._data}}


@contextmanager
def policy_api(work: Path) -> Iterator[PolicyApi]:
    """Serve it over TLS."""
    ca = make_ca("test cluster")
    pair = issue(ca, "kubernetes", ["127.0.0.1"])
    work.mkdir()
    (work / "api.crt").write_text(pair.certificate)
    (work / "api.key").write_text(pair.key.reveal())
    (work / "ca.crt").write_text(ca.certificate)
    (work / "token").write_text("api-token")
    api = PolicyApi(work)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            assert self.headers["Authorization"] == "Bearer api-token"
            assert query["fieldSelector"] == ["metadata.name=certificate-policy"]
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            if "watch" not in query:
                self.wfile.write(json.dumps(api.listed()).encode())
                return
            version = int(query["resourceVersion"][0])
            with suppress(OSError):
                while not api.over:
                    version, event = api.after(version)
                    self.wfile.write(json.dumps(event).encode() + b"\n" if event else b"")
                    self.wfile.flush()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(work / "api.crt", work / "api.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    api.url = f"https://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        api.end()
        server.shutdown()
        server.server_close()
        thread.join(5)
