"""Vault's API in memory: as much of it as `pov` uses. `tests/contract/test_vault.py` holds it to the real one."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pov.base.errors import PovError, Transient
from pov.base.redact import Secret
from pov.engines.certificates import KeyPair, details, issue, make_ca
from pov.engines.vault import Denied, HalfInitialised, Initialised, Issued, Status

_RULE = re.compile(r'path "([^"]+)" \{\s*capabilities = \[([^\]]*)\]')
_TEMPLATE = re.compile(r"\{\{identity\.entity\.aliases\.(\w+)\.metadata\.(\w+)\}\}")


@dataclass
class Holder:
    """Whom a token stands for."""

    policies: tuple[str, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Server:
    """A server's whole state. `accounts` are the service accounts' tokens that the cluster would confirm."""

    auto_unseal: bool = True
    initialised: bool = False
    sealed: bool = True
    down: int = 0
    half: bool = False
    keys: tuple[str, ...] = ()
    threshold: int = 1
    given: set[str] = field(default_factory=set)
    tokens: dict[str, Holder] = field(default_factory=dict)
    accounts: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    store: dict[str, dict[str, Any]] = field(default_factory=dict)
    mounts: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    authorities: dict[str, dict[str, KeyPair]] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)
    issued: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)

    def account(self, namespace: str, name: str, audience: str = "vault") -> Secret:
        """A service account's token."""
        token = secrets.token_hex(16)
        self.accounts[token] = (namespace, name, audience)
        return Secret(token)

    def wipe(self) -> None:
        """Lose the volume."""
        fresh = Server(self.auto_unseal, accounts=self.accounts)
        self.__dict__.update(fresh.__dict__)

    def restart(self) -> None:
        """What a pod's restart does."""
        self.sealed = not (self.initialised and self.auto_unseal)


class FakeVault:
    """Stands in for `pov.engines.vault.Vault`."""

    def __init__(self, server: Server, token: Secret | None = None) -> None:
        self.url = "https://127.0.0.1:0"
        self._server = server
        self._token = token.reveal() if token else ""

    def status(self) -> Status:
        self._answering()
        server = self._server
        if server.half:
            raise HalfInitialised("core: barrier reports initialized but no seal configuration found")
        return Status(server.initialised, server.sealed, server.auto_unseal, self._name())

    def engine(self) -> str:
        return self.status().engine

    def _name(self) -> str:
        return "OpenBao 2.7.2" if self._server.auto_unseal else "HashiCorp Vault 1.21.0"

    def initialise(self, *, auto_unseal: bool, shares: int, threshold: int) -> Initialised:
        self._answering()
        server = self._server
        if server.initialised:
            raise PovError("Vault is already initialized")
        if auto_unseal != server.auto_unseal:
            raise PovError("parameters do not apply to this seal")
        server.initialised = True
        server.sealed = not server.auto_unseal
        server.keys = tuple(secrets.token_hex(16) for _ in range(shares))
        server.threshold = threshold
        return Initialised(tuple(map(Secret, server.keys)), self._new_root())

    def _new_root(self) -> Secret:
        token = secrets.token_hex(16)
        self._server.tokens[token] = Holder(("root",))
        return Secret(token)

    def unseal(self, keys: Sequence[Secret]) -> None:
        self._answering()
        good = {key.reveal() for key in keys} & set(self._server.keys)
        if len(good) < self._server.threshold:
            raise PovError("the server stays sealed")
        self._server.sealed = False

    def use(self, token: Secret) -> None:
        self._token = token.reveal()

    def login_kubernetes(self, role: str, service_account_token: Secret, *, mount: str = "kubernetes") -> None:
        self._open()
        server = self._server
        if f"{mount}/" not in server.mounts.get("sys/auth", {}):
            raise Denied("permission denied")
        wanted = server.store.get(f"auth/{mount}/role/{role}")
        if wanted is None:
            raise PovError(f'invalid role name "{role}"')
        namespace, name, audience = server.accounts.get(service_account_token.reveal(), ("", "", ""))
        if audience != wanted["audience"] or namespace not in wanted["bound_service_account_namespaces"]:
            raise Denied("namespace not authorized")
        if name not in wanted["bound_service_account_names"]:
            raise Denied("service account name not authorized")
        token = secrets.token_hex(16)
        metadata = {"service_account_namespace": namespace, "service_account_name": name}
        server.tokens[token] = Holder(tuple(wanted["token_policies"]), metadata)
        self._token = token

    def token_works(self) -> bool:
        self._open()
        return self._token in self._server.tokens

    def revoke_own_token(self) -> None:
        self._allowed("auth/token/revoke-self", "update")
        del self._server.tokens[self._token]
        self._token = ""

    def read(self, path: str, *, listing: bool = False) -> dict[str, Any] | None:
        server = self._server
        mount, _, rest = path.partition("/")
        if rest == "issuer/default/json":
            # Anybody may ask which CAs to trust.
            self._open()
            return {"certificate": self._default(mount).certificate} if mount in server.defaults else None
        self._allowed(path, "list" if listing else "read")
        if path in {"sys/mounts", "sys/auth", "sys/audit"}:
            return {name: dict(body) for name, body in server.mounts.get(path, {}).items()}
        if rest == "config/issuers":
            return {"default": server.defaults.get(mount, "")}
        if rest == "cert/ca":
            return {"certificate": self._default(mount).certificate}
        if listing and rest == "certs":
            return {"keys": [details(pem).serial for pem in server.issued]} if server.issued else None
        if listing:
            below = [key.removeprefix(f"{path}/") for key in server.store if key.startswith(f"{path}/")]
            return {"keys": sorted(below)} if below else None
        found = server.store.get(path)
        return dict(found) if found is not None else None

    def write(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        self._allowed(path, "update")
        server = self._server
        content = dict(body or {})
        server.writes.append(path)
        for table in ("sys/mounts", "sys/auth", "sys/audit"):
            if path.startswith(f"{table}/"):
                self._mount(table, path.removeprefix(f"{table}/"), content)
                return {}
        mount, _, rest = path.partition("/")
        match rest:
            case "root/generate/internal":
                ca = _long_path(content)
                self._import(mount, ca)
                return {"certificate": ca.certificate}
            case "intermediate/generate/internal":
                return {"csr": content["common_name"]}
            case "root/sign-intermediate":
                root = self._default(mount)
                made = _under(root, content)
                server.store[f"pending/{made.certificate}"] = {"key": made.key}
                return {"certificate": made.certificate, "issuing_ca": root.certificate}
            case "intermediate/set-signed":
                pem = content["certificate"].split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
                key = server.store.pop(f"pending/{pem}")["key"]
                return {"mapping": {self._import(mount, KeyPair(pem, key)): "a key"}}
            case "config/issuers":
                server.defaults[mount] = content["default"]
                return {}
        if path.startswith("secret/data/"):
            return {"version": self._put(path, content)}
        server.store[path] = {**server.store.get(path, {}), **content}
        return {}

    def _put(self, path: str, content: Mapping[str, Any]) -> int:
        """Another version in the KV store."""
        nothing: dict[str, Any] = {"current_version": 0, "versions": {}}
        metadata = self._server.store.setdefault(path.replace("/data/", "/metadata/"), nothing)
        version: int = metadata["current_version"] + 1
        if content.get("options", {}).get("cas", version - 1) != version - 1:
            raise PovError("check-and-set parameter did not match the current version")
        metadata["current_version"] = version
        metadata["versions"][str(version)] = {"created_time": datetime.now(UTC).isoformat()}
        self._server.store[path] = {"data": content["data"], "metadata": {"version": version}}
        return version

    def _mount(self, table: str, name: str, content: dict[str, Any]) -> None:
        mounted = self._server.mounts.setdefault(table, {})
        if name.endswith("/tune"):
            mounted[name.removesuffix("tune")]["config"].update(content)
            return
        if f"{name}/" in mounted:
            raise PovError(f"path is already in use at {name}/")
        mounted[f"{name}/"] = {"accessor": f"auth_{secrets.token_hex(4)}", "config": {}, **content}

    def _import(self, mount: str, ca: KeyPair) -> str:
        issuer = secrets.token_hex(8)
        self._server.authorities.setdefault(mount, {})[issuer] = ca
        self._server.defaults.setdefault(mount, issuer)
        return issuer

    def _default(self, mount: str) -> KeyPair:
        return self._server.authorities[mount][self._server.defaults[mount]]

    def delete(self, path: str) -> None:
        self._allowed(path, "delete")
        self._server.writes.append(path)
        self._server.store.pop(path, None)
        # Every version goes with what is known of it.
        self._server.store.pop(path.replace("secret/metadata/", "secret/data/", 1), None)

    def issue(self, role: str, *, common_name: str, uri: str, dns: Sequence[str] = (), ttl: str = "") -> Issued:
        self._allowed(f"pki_int/issue/{role}", "update")
        server = self._server
        wanted = server.store[f"pki_int/roles/{role}"]
        names = [self._templated(name) for name in wanted["allowed_domains"]]
        for name in (common_name, *dns):
            if name not in names:
                raise PovError(f"{name} not allowed by this role")
        if uri not in [self._templated(name) for name in wanted["allowed_uri_sans"]]:
            raise PovError("URI Subject Alternative Names were provided via the API which are not valid for this role")
        ca = self._default("pki_int")
        all_names = list(dict.fromkeys([common_name, *dns, uri]))
        pair = issue(ca, common_name, all_names, life=timedelta(seconds=wanted["ttl"]), client=True)
        server.issued.append(pair.certificate)
        serial = details(pair.certificate).serial
        colons = ":".join(re.findall("..", serial.zfill(len(serial) + len(serial) % 2)))
        return Issued(pair.certificate, (ca.certificate, self._default("pki").certificate), pair.key, colons)

    def _templated(self, text: str) -> str:
        metadata = self._server.tokens[self._token].metadata
        return _TEMPLATE.sub(lambda match: metadata.get(match[2], match[0]), text)

    def new_root_token(self, recovery_keys: Sequence[Secret]) -> Secret:
        if self._server.auto_unseal:
            self._allowed("sys/generate-root-token/attempt", "update")
        good = {key.reveal() for key in recovery_keys} & set(self._server.keys)
        if len(good) < self._server.threshold:
            raise PovError("no root token could be made")
        return self._new_root()

    def _answering(self) -> None:
        if self._server.down > 0:
            self._server.down -= 1
            raise Transient("no answer")

    def _open(self) -> None:
        self._answering()
        if self._server.sealed:
            raise Transient("Vault is sealed")

    def _allowed(self, path: str, capability: str) -> None:
        self._open()
        holder = self._server.tokens.get(self._token)
        if holder is None:
            raise Denied("permission denied")
        if "root" in holder.policies or path.startswith("auth/token/"):
            return
        for policy in holder.policies:
            text = self._server.store.get(f"sys/policies/acl/{policy}", {}).get("policy", "")
            for pattern, capabilities in _RULE.findall(text):
                pattern = _TEMPLATE.sub(lambda match: holder.metadata.get(match[2], match[0]), pattern)
                fits = path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern
                if fits and f'"{capability}"' in capabilities:
                    return
        raise Denied("1 error occurred: * permission denied")


def _life(declared: Mapping[str, Any]) -> timedelta:
    """`make_ca` starts a life five minutes early; the server, half a minute."""
    return timedelta(seconds=declared["ttl"]) - timedelta(minutes=5)


def _long_path(declared: Mapping[str, Any]) -> KeyPair:
    return make_ca(declared["common_name"], _life(declared), path_length=1)


def _under(root: KeyPair, declared: Mapping[str, Any]) -> KeyPair:
    return make_ca(declared["common_name"], _life(declared), under=root)
