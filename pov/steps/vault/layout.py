"""What is set up inside Vault: policies, Kubernetes auth, the PKI. Declared in `vault/`, changed where it differs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.paths import data
from pov.config.estates import NEW_STAGE
from pov.config.legacy import TRUST_DOMAIN
from pov.config.units import seconds
from pov.engines.vault import Vault
from pov.steps.context import Context
from pov.steps.vault.authorities import ensure_authorities
from pov.steps.vault.credentials import drop_credentials, ensure_credentials

PLATFORM_NAMESPACE = "pov-system"
KUBERNETES_HOST = "https://kubernetes.default.svc"
NAMESPACES = ("dev", "staging", "prod", PLATFORM_NAMESPACE)
_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
_WORKERS = 8


@dataclass(frozen=True)
class Wishes:
    """What the declarations are filled in with: lifetimes in seconds, service accounts by namespace.

    `credentials` are the services by namespace that have one in the KV store.
    """

    ttl: int
    ca_ttl: int
    root_ttl: int
    accounts: Mapping[str, Sequence[str]]
    kubernetes_host: str = KUBERNETES_HOST
    credentials: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """Placeholders of `layout.yaml` and their values, but for the auth mount's accessor."""
        return {
            "ttl": self.ttl,
            "caTtl": self.ca_ttl,
            "rootTtl": self.root_ttl,
            "kubernetesHost": self.kubernetes_host,
            "trustDomain": TRUST_DOMAIN,
        }


def wishes(ctx: Context) -> Wishes:
    """From the scenario: each GitOps estate's services may log in from their namespace, and the prober from its own."""
    pki = ctx.scenario.pki
    accounts = {estate.namespace: tuple(estate.services) for estate in ctx.estates if estate.kind == "gitops"}
    accounts[PLATFORM_NAMESPACE] = ("prober",)
    under_proof = ctx.scenario.pov_services
    credentials = {namespace: [name for name in names if name in under_proof] for namespace, names in accounts.items()}
    return Wishes(
        seconds(pki.ttl),
        seconds(pki.ca_ttl),
        seconds(pki.root_ttl),
        accounts,
        credentials={namespace: names for namespace, names in credentials.items() if names},
    )


def converge(vault: Vault, wanted: Wishes, *, with_audit: bool, clock: Clock = SYSTEM_CLOCK) -> bool:
    """Make the server what the declarations say. Returns whether anything changed.

    Raises `Denied` where the token in use may not make a change that is needed; what was changed until then stays.
    """
    declared, credentials = _declarations(), wanted.credentials.items()
    # What is to be filled in is known once the mounts are there.
    templates = {name: text for name, text in _policies().items() if _PLACEHOLDER.search(text)}
    policies = {name: text for name, text in _policies().items() if name not in templates}
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="vault") as pool:
        tasks = [
            lambda: _mounts(vault, "sys/mounts", _fill(declared["mounts"], wanted.values())),
            lambda: _mounts(vault, "sys/auth", declared["auth"]),
            *((lambda n=name, t=text: _policy(vault, n, t)) for name, text in policies.items()),
        ]
        if with_audit:
            # Before everything else: nothing is done unseen.
            _mounts(vault, "sys/audit", declared["audit"])
        changed = _all(pool, tasks)
        accessor = (vault.read("sys/auth") or {})["kubernetes/"]["accessor"]
        values = {**wanted.values(), "accessor": accessor}
        settings = _fill(declared["settings"], values) | _namespace_roles(declared["namespaceRole"], wanted, values)
        # What a trial left that was killed: no scenario can have that stage.
        left = [NEW_STAGE] if NEW_STAGE not in wanted.accounts else []
        unwanted = [path for path in _role_paths(declared["namespaceRole"]) if path not in settings]
        changed |= _all(
            pool,
            [
                lambda: ensure_authorities(vault, _authorities(declared, values), wanted.ttl, clock),
                *((lambda n=name, t=text: _policy(vault, n, _fill(t, values))) for name, text in templates.items()),
                *((lambda n=stage, s=names: ensure_credentials(vault, n, s)) for stage, names in credentials),
                *((lambda n=stage: drop_credentials(vault, n)) for stage in left),
                *((lambda p=path, b=body: _setting(vault, p, b)) for path, body in settings.items()),
                *((lambda p=path: _absent(vault, p)) for path in unwanted),
            ],
        )
    return changed


def _authorities(declared: Mapping[str, Any], values: Mapping[str, Any]) -> Mapping[str, Any]:
    return dict(_fill(declared["authorities"], values))


def set_accounts(vault: Vault, wanted: Wishes) -> bool:
    """Have those service accounts log in, and no other. Raises `Denied` without a token that may change that."""
    roles = _namespace_roles(_declarations()["namespaceRole"], wanted, wanted.values())
    changed = [_setting(vault, path, body) for path, body in roles.items()]
    return any(changed)


def _mounts(vault: Vault, path: str, declared: Mapping[str, Any]) -> bool:
    found = vault.read(path) or {}
    changed = False
    for name, wanted in declared.items():
        body = {key: value for key, value in wanted.items() if key != "maxTtl"}
        limit = {"max_lease_ttl": wanted["maxTtl"]} if "maxTtl" in wanted else {}
        held = found.get(f"{name}/")
        if held is None:
            vault.write(f"{path}/{name}", {**body, "config": limit} if limit else body)
            changed = True
        elif limit and not _holds(held.get("config") or {}, limit):
            vault.write(f"{path}/{name}/tune", limit)
            changed = True
    return changed


def _policy(vault: Vault, name: str, text: str) -> bool:
    path = f"sys/policies/acl/{name}"
    if (vault.read(path) or {}).get("policy") == text:
        return False
    vault.write(path, {"policy": text})
    return True


def _setting(vault: Vault, path: str, body: Mapping[str, Any]) -> bool:
    if _holds(vault.read(path) or {}, body):
        return False
    vault.write(path, body)
    return True


def _absent(vault: Vault, path: str) -> bool:
    if vault.read(path) is None:
        return False
    vault.delete(path)
    return True


def _holds(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether the server holds what is wanted; it keeps lists in an order of its own."""
    return all(_plain(found.get(key)) == _plain(value) for key, value in wanted.items())


def _plain(value: Any) -> Any:
    return sorted(map(str, value)) if isinstance(value, list | tuple) else value


def _declarations() -> dict[str, Any]:
    return dict(YAML(typ="safe").load(data("vault", "layout.yaml").read_text()))


def _policies() -> dict[str, str]:
    return {path.stem: path.read_text() for path in sorted(data("vault", "policies").glob("*.hcl"))}


def _role_paths(declared: Mapping[str, Any]) -> list[str]:
    return [str(_fill(declared["path"], {"namespace": namespace})) for namespace in (*NAMESPACES, NEW_STAGE)]


def _namespace_roles(
    declared: Mapping[str, Any], wanted: Wishes, values: Mapping[str, Any]
) -> dict[str, Mapping[str, Any]]:
    roles = {}
    for namespace, accounts in wanted.accounts.items():
        if accounts:
            filled = _fill(declared, {**values, "namespace": namespace, "accounts": list(accounts)})
            roles[filled["path"]] = filled["body"]
    return roles


def _fill(node: Any, values: Mapping[str, Any]) -> Any:
    """`node` with its placeholders replaced; a text that is nothing but one becomes the value itself."""
    if isinstance(node, Mapping):
        return {_fill(key, values): _fill(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [_fill(item, values) for item in node]
    if not isinstance(node, str):
        return node
    whole = _PLACEHOLDER.fullmatch(node)
    if whole:
        return values[whole[1]]
    return _PLACEHOLDER.sub(lambda match: str(values[match[1]]), node)


def _all(pool: ThreadPoolExecutor, tasks: Iterable[Callable[[], bool]]) -> bool:
    """Run tasks side by side; whether any of them changed something. The first error is raised once all have ended."""
    results = [pool.submit(task) for task in tasks]
    errors = [error for error in (result.exception() for result in results) if error is not None]
    if errors:
        raise errors[0]
    return any(result.result() for result in results)
