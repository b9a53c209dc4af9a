"""A real HTTPS server on the loopback address, with certificates made for the test."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import PovError, Transient
from pov.base.ports import free_ports
from pov.base.redact import Secret
from pov.engines.certificates import issue, make_ca
from pov.engines.rest import Authorization, Refused, Rest, Untrusted, password


@dataclass
class Served:
    url: str
    ca: Path
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    ca = make_ca("test")
    pair = issue(ca, "localhost", ["localhost", "127.0.0.1"])
    (tmp_path / "ca.crt").write_text(ca.certificate)
    (tmp_path / "tls.crt").write_text(pair.certificate)
    (tmp_path / "tls.key").write_text(pair.key.reveal())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            info.heard.append({"method": self.command, "path": self.path, "body": body, **dict(self.headers)})
            code, content = info.answers.pop(0) if info.answers else (200, b"{}")
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            if code in {301, 307}:
                self.send_header("Location", "https://example.com/")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - as the class above wants them

        def log_message(self, *arguments: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    info = Served(f"https://127.0.0.1:{server.server_port}", tmp_path / "ca.crt")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield info
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def rest(served: Served) -> Iterator[Rest]:
    client = Rest("Thing", served.url, served.ca)
    yield client
    client.close()


def test_it_sends_json_and_gives_json_back(rest: Rest, served: Served) -> None:
    served.answers.append((200, b'{"a": 1}'))
    assert rest.call("POST", "/x", {"b": 2}, {"q": "1"}) == {"a": 1}
    assert served.heard[0]["path"] == "/x?q=1"
    assert json.loads(served.heard[0]["body"]) == {"b": 2}
    served.answers.append((204, b""))
    assert rest.call("DELETE", "/x") == {}


def test_logins_are_sent_and_not_shown(rest: Rest, served: Served) -> None:
    rest.use(Authorization("token", Secret("top-secret")))
    rest.call("GET", "/")
    rest.use(password("pöv", Secret("pässword")))
    rest.call("GET", "/")
    assert served.heard[0]["Authorization"] == "token top-secret"
    assert served.heard[1]["Authorization"].startswith("Basic ")
    assert "top-secret" not in repr(vars(Authorization("token", Secret("top-secret"))))


@pytest.mark.parametrize(
    ("code", "body", "error", "cause"),
    [
        (500, b'{"message": "database is locked"}', Transient, "database is locked"),
        (503, b"busy", Transient, "busy"),
        (409, b'{"message": "exists"}', Refused, "exists"),
        (404, b"nothing here", Refused, "nothing here"),
        (307, b"", Refused, ""),
        (200, b"<html>", PovError, "<html>"),
    ],
)
def test_answers_become_errors(
    rest: Rest, served: Served, code: int, body: bytes, error: type[PovError], cause: str
) -> None:
    served.answers.append((code, body))
    with pytest.raises(error) as caught:
        rest.call("GET", "/x")
    assert cause in caught.value.cause
    assert isinstance(caught.value, Transient) == (error is Transient)
    if isinstance(caught.value, Refused):
        assert caught.value.status == code
    assert len(served.heard) == 1, "nothing is sent twice, or followed elsewhere"


def test_nobody_there_may_pass(served: Served) -> None:
    client = Rest("Thing", f"https://127.0.0.1:{free_ports(1)[0]}", served.ca)
    with pytest.raises(Transient, match="Thing did not answer"):
        client.call("GET", "/")
    client.close()


def test_company_variables_are_ignored(
    rest: Rest, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "company.pem").write_text(make_ca("company").certificate)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "company.pem"))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert rest.call("GET", "/") == {}


def test_a_certificate_of_somebody_else_does_not_pass(served: Served, tmp_path: Path) -> None:
    (tmp_path / "other.crt").write_text(make_ca("other").certificate)
    client = Rest("Thing", served.url, tmp_path / "other.crt")
    with pytest.raises(Untrusted, match="certificate was not accepted") as caught:
        client.call("GET", "/")
    assert not isinstance(caught.value, Transient)
    client.close()
