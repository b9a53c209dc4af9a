"""Vault's API through hvac, as OpenBao and HashiCorp Vault serve it. What it returns is plain data.

Certificate bundles and proxies named in variables are ignored: the server is reached over loopback and verified
against the bootstrap CA, whatever a company sets.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import hvac
import hvac.exceptions
import requests
from requests.adapters import HTTPAdapter

from pov.base.errors import NotFound, PovError, Transient
from pov.base.redact import Secret

T = TypeVar("T")
# To connect, and between two bytes of an answer. Behind a port with no pod yet, a connection may hang.
_TIMEOUT_S = (2.0, 15.0)
_INIT_TIMEOUT_S = (2.0, 60.0)
_CONNECTIONS = 8


class Denied(PovError):
    """The token may not do this, or is no longer valid."""


class HalfInitialised(PovError):
    """The server ended in the middle of its initialisation: its storage can neither be opened nor initialised."""


@dataclass(frozen=True)
class Status:
    """What a server tells anybody: whether it was initialised, whether it is sealed, and who it is.

    `auto_unseal`: it holds its own seal key, so that it is initialised with recovery keys.
    """

    initialised: bool
    sealed: bool
    auto_unseal: bool
    engine: str


@dataclass(frozen=True)
class Initialised:
    """What initialising gives out, once: recovery keys (or unseal keys, without auto-unseal) and the root token."""

    keys: tuple[Secret, ...]
    root_token: Secret


@dataclass(frozen=True)
class Issued:
    """A certificate from the PKI: leaf, then the chain up to the root (PEM each), and the key. `serial` has colons."""

    certificate: str
    chain: tuple[str, ...]
    key: Secret
    serial: str


class Vault:
    """One server. Without a token it can be asked for its status, initialised, and logged in to."""

    def __init__(self, url: str, ca_path: Path, token: Secret | None = None) -> None:
        self.url = url
        session = requests.Session()
        session.trust_env = False
        session.verify = str(ca_path)
        session.mount("https://", HTTPAdapter(pool_maxsize=_CONNECTIONS))
        # hvac would take a token from a variable if it were given none; an empty one is not sent.
        revealed = token.reveal() if token else ""
        # Without an own certificate given, it would take the one that VAULT_CLIENT_CERT names.
        options = {"verify": str(ca_path), "cert": (), "timeout": _TIMEOUT_S, "session": session}
        self._client = hvac.Client(url=url, token=revealed, **options)

    def status(self) -> Status:
        """Ask for the seal's state; needs no token. Raises `Transient` while nothing answers."""
        answer = self._call(self._client.sys.read_seal_status)
        # Their seal status is told apart by this field: OpenBao names the commit's date, HashiCorp Vault the build's.
        name = "HashiCorp Vault" if "build_date" in answer else "OpenBao"
        return Status(
            initialised=bool(answer["initialized"]),
            sealed=bool(answer["sealed"]),
            auto_unseal=bool(answer.get("recovery_seal")),
            engine=f"{name} {answer['version']}",
        )

    def engine(self) -> str:
        """Name and version of the engine that really runs: `OpenBao 2.7.2`."""
        return self.status().engine

    def initialise(self, *, auto_unseal: bool, shares: int, threshold: int) -> Initialised:
        """Initialise the server, which can be done once. What this returns exists nowhere else: save it first."""
        kind = "recovery" if auto_unseal else "secret"
        body = {f"{kind}_shares": shares, f"{kind}_threshold": threshold}
        answer = self._call(self._client.adapter.put, "/v1/sys/init", json=body, timeout=_INIT_TIMEOUT_S)
        keys = tuple(Secret(key) for key in answer["recovery_keys_base64" if auto_unseal else "keys_base64"])
        return Initialised(keys, Secret(answer["root_token"]))

    def unseal(self, keys: Sequence[Secret]) -> None:
        """Unseal with as many keys as it takes."""
        for key in keys:
            if not self._call(self._client.sys.submit_unseal_key, key.reveal())["sealed"]:
                return
        raise PovError("the server stays sealed", cause=f"{len(keys)} unseal keys were not enough")

    def use(self, token: Secret) -> None:
        """Act with `token` from now on."""
        self._client.token = token.reveal()

    def login_kubernetes(self, role: str, service_account_token: Secret, *, mount: str = "kubernetes") -> None:
        """Log in as a Kubernetes service account. Raises `Denied` if the role does not admit it."""
        body = {"role": role, "jwt": service_account_token.reveal()}
        answer = self._call(self._client.adapter.post, f"/v1/auth/{mount}/login", json=body)
        self._client.token = answer["auth"]["client_token"]

    def token_works(self) -> bool:
        """Whether the token in use is still valid."""
        try:
            self._call(self._client.auth.token.lookup_self)
        except Denied:
            return False
        return True

    def revoke_own_token(self) -> None:
        """Make the token in use worthless."""
        self._call(self._client.auth.token.revoke_self)
        self._client.token = ""

    def read(self, path: str, *, listing: bool = False) -> dict[str, Any] | None:
        """The data at `path`, or the names below it; None if there is nothing."""
        ask = self._client.adapter.list if listing else self._client.adapter.get
        try:
            answer = self._call(ask, f"/v1/{path}")
        except NotFound:
            return None
        return _data(answer)

    def write(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Write to `path`; what the server answers as data, possibly nothing."""
        answer = self._call(self._client.adapter.post, f"/v1/{path}", json=dict(body or {}))
        return _data(answer) if isinstance(answer, dict) else {}

    def delete(self, path: str) -> None:
        """Remove what is at `path`; nothing there is fine."""
        self._call(self._client.adapter.delete, f"/v1/{path}")

    def issue(self, role: str, *, common_name: str, uri: str, dns: Sequence[str] = (), ttl: str = "") -> Issued:
        """A certificate of the intermediate CA. Raises `Denied` or `PovError` for a name that is not one's own."""
        body = {"common_name": common_name, "uri_sans": uri, "alt_names": ",".join(dns)}
        if ttl:
            body["ttl"] = ttl
        data = self.write(f"pki_int/issue/{quote(role)}", body)
        return Issued(data["certificate"], tuple(data["ca_chain"]), Secret(data["private_key"]), data["serial_number"])

    def new_root_token(self, recovery_keys: Sequence[Secret]) -> Secret:
        """A root token made from recovery keys, for changes that no other token may make. Revoke it afterwards.

        OpenBao asks for a token that may use these paths as well; HashiCorp Vault asks for the keys alone.
        """
        path = "/v1/sys/generate-root-token" if self.engine().startswith("OpenBao") else "/v1/sys/generate-root"
        # An attempt that was cut off is in the way of the next one, and worth nothing.
        self._call(self._client.adapter.delete, f"{path}/attempt")
        attempt = _data(self._call(self._client.adapter.put, f"{path}/attempt", json={}))
        for key in recovery_keys:
            body = {"key": key.reveal(), "nonce": attempt["nonce"]}
            answer = _data(self._call(self._client.adapter.put, f"{path}/update", json=body))
            if answer["complete"]:
                return Secret(_decode(answer["encoded_token"], attempt["otp"]))
        raise PovError(
            "no root token could be made",
            cause=f"{len(recovery_keys)} recovery keys were not enough",
            fix="put the recovery keys back into the environment's secrets",
        )

    def _call(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except requests.exceptions.SSLError as error:
            # Passing, too: a pod that is being replaced shows its old certificate until it ends.
            fix = "pov up, which renews the certificate; or something else answers on that port"
            message = f"{self.url} does not show a certificate of the bootstrap CA"
            raise Transient(message, cause=str(error), fix=fix) from error
        except requests.RequestException as error:
            raise Transient(f"no answer from {self.url}", cause=str(error), fix="pov status") from error
        except hvac.exceptions.InvalidPath as error:
            raise NotFound(_told(error)) from error
        except (hvac.exceptions.Forbidden, hvac.exceptions.Unauthorized) as error:
            raise Denied(_told(error), cause=f"{error.method} {error.url}", fix="pov up") from error
        except _PASSING as error:
            if _HALF_INITIALISED in _told(error):
                raise HalfInitialised(_told(error), cause=f"{error.method} {error.url}", fix="pov up") from error
            raise Transient(_told(error), cause=f"{error.method} {error.url}", fix="pov status") from error
        except hvac.exceptions.VaultError as error:
            raise PovError(_told(error), cause=f"{error.method} {error.url}", fix="pov status") from error


_HALF_INITIALISED = "initialized but no seal configuration"
_PASSING = (
    hvac.exceptions.RateLimitExceeded,
    hvac.exceptions.InternalServerError,
    hvac.exceptions.VaultNotInitialized,
    hvac.exceptions.BadGateway,
    hvac.exceptions.VaultDown,
)


def _data(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What an answer is about; old paths answer without an envelope."""
    data = answer.get("data", answer)
    return dict(data) if isinstance(data, Mapping) else {}


def _told(error: hvac.exceptions.VaultError) -> str:
    """The server's own words, on one line."""
    return " ".join(str(error.args[0] if error.args and error.args[0] else type(error).__name__).split())


def _decode(encoded: str, otp: str) -> str:
    """A generated root token comes as its XOR with the one-time password, in base64 without padding."""
    masked = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    return bytes(left ^ right for left, right in zip(masked, otp.encode(), strict=True)).decode()
