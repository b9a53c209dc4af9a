"""Vault: the server in the cluster, initialised once, set up with a root token that is gone afterwards.

What can go wrong is being cut off. A mark on the claim of the data volume tells how far set-up ever came:

    no mark       nobody of ours initialised this server: it is never deleted
    `started`     written before initialising: without keys that open it, what is there is worthless and is made anew
    `completed`   written once `pov-admin` can log in, before the root token is revoked: from now on nothing is deleted
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from pov.base.errors import PovError, Transient
from pov.base.redact import Secret
from pov.base.wait import Pending, wait_for
from pov.engines.vault import Denied, HalfInitialised, Initialised, Vault
from pov.steps.context import Context
from pov.steps.core import Outcome, Report, Step
from pov.steps.vault.layout import converge, wishes
from pov.steps.vault.pod import answer
from pov.steps.vault.server import ADMIN, AUDIENCE, CLAIM, NAMESPACE, POD, SET, STATEFUL_SET, Engine, engine, manifests

T = TypeVar("T")
ROOT_TOKEN = "vault-root-token"  # noqa: S105 - a file's name
RECOVERY_KEYS = "vault-recovery-keys"
UNSEAL_KEYS = "vault-unseal-keys"
MARK = "pov.dev/vault-set-up"
_STARTED = "started"
_COMPLETED = "completed"
_SHARES, _THRESHOLD = 5, 3
_POLL_S = 0.2
_SET_UP_LIMIT_S = 240.0
_READY_LIMIT_S = 60.0


class _Worthless(Exception):
    """Initialised by us, and cut off before its keys were saved: nobody can ever open this server again."""


def step() -> Step:
    """The server and all that is set up in it."""
    return Step(
        "vault", "Vault: sealed storage, PKI, one identity a service", _run, ("trust", "network"), expected_s=10
    )


def connect(ctx: Context) -> Vault:
    """The server, logged in to as `pov-admin`, for 15 minutes. Raises `Denied` or `Transient`."""
    vault = reach(ctx)
    _login(ctx, vault)
    return vault


def reach(ctx: Context) -> Vault:
    """The server without a login: it tells whether it is sealed, and which engine it is."""
    return Vault(ctx.url("vault"), ctx.trust.ca_path)


def _run(ctx: Context, report: Report) -> Outcome:
    server = engine(ctx)
    changes = [_apply(ctx, report, server)]
    vault = reach(ctx)

    def attempt() -> bool:
        try:
            changes.append(_open(ctx, report, vault, server))
        except _Worthless:
            report.note("Vault was cut off between its initialisation and the saving of its keys: starting it over")
            _start_over(ctx)
            changes.append(_apply(ctx, report, server))
            raise Transient("Vault to start over") from None
        changes.append(_set_up(ctx, report, vault, server))
        return True

    # The pod may be replaced at any moment: then from the top, with whatever is there by now.
    wait_for("Vault is set up", attempt, timeout_s=_SET_UP_LIMIT_S, interval_s=_POLL_S, on_pending=report.waits)
    ctx.kube.wait_ready("StatefulSet", [STATEFUL_SET], NAMESPACE, timeout_s=_READY_LIMIT_S, on_pending=report.waits)
    return Outcome.CHANGED if any(changes) else Outcome.UNCHANGED


def _apply(ctx: Context, report: Report, server: Engine) -> bool:
    # Made anew each time: asking for the claim's manifest sees to the folder that it lies in.
    return ctx.kube.apply(manifests(ctx, server), set_name=SET, on_pending=report.waits)


def _open(ctx: Context, report: Report, vault: Vault, server: Engine) -> bool:
    """Initialise and unseal what needs it, then log in: with the root token while set-up lasts, else as `pov-admin`.

    Returns whether anything changed. Raises `_Worthless`, or `PovError` where a person has to decide.
    """
    try:
        status = answer(ctx, report, vault)
    except HalfInitialised as error:
        raise _worthless_or_locked(ctx, error.message) from error
    if status.initialised and ctx.home.secret(ROOT_TOKEN) is None and _marked(ctx) == _STARTED:
        # The token is forgotten only after the mark says `completed`: it never got as far as the secrets. No login is
        # waited for, since a server that failed half-way through its initialisation never lets anybody in.
        raise _Worthless
    changed = False
    if not status.initialised:
        report.say("initialising")
        _initialise(ctx, vault, server)
        changed = True
    if status.sealed:
        changed |= _unseal(ctx, report, vault, server)
    return _take_up_token(ctx, vault) or changed


def _initialise(ctx: Context, vault: Vault, server: Engine) -> None:
    """The one moment in which keys exist nowhere but here: the intent first, then keys, then the token, then go on."""
    _mark(ctx, _STARTED)
    ctx.home.forget_secret(ROOT_TOKEN)
    made = vault.initialise(auto_unseal=server.auto_unseal, shares=_SHARES, threshold=_THRESHOLD)
    _save(ctx, server, made)


def _save(ctx: Context, server: Engine, made: Initialised) -> None:
    # One key a line, so that each of them is redacted wherever it might show up.
    name = RECOVERY_KEYS if server.auto_unseal else UNSEAL_KEYS
    ctx.home.save_secret(name, Secret("\n".join(key.reveal() for key in made.keys)))
    ctx.home.save_secret(ROOT_TOKEN, made.root_token)


def _keys(ctx: Context, name: str) -> tuple[Secret, ...]:
    saved = ctx.home.secret(name)
    return tuple(Secret(line) for line in saved.reveal().splitlines()) if saved else ()


def _unseal(ctx: Context, report: Report, vault: Vault, server: Engine) -> bool:
    """See it unsealed: by itself, or with the saved keys."""
    if not server.auto_unseal:
        keys = _keys(ctx, UNSEAL_KEYS)
        if not keys:
            raise _worthless_or_locked(ctx, "its unseal keys are not in this environment's secrets")
        vault.unseal(keys)

    def unsealed() -> bool | Pending:
        return Pending("Vault to unseal itself") if vault.status().sealed else True

    wait_for("Vault unsealed", unsealed, timeout_s=_READY_LIMIT_S, interval_s=_POLL_S, on_pending=report.waits)
    return not server.auto_unseal


def _take_up_token(ctx: Context, vault: Vault) -> bool:
    """Act with the saved root token if it is still good, else as `pov-admin`. Returns whether it is the root token.

    An unsealed server takes a moment to lead; until then it refuses what it would grant.
    """
    root = ctx.home.secret(ROOT_TOKEN)
    if root is not None:
        vault.use(root)
        if _soon("Vault leads", vault.token_works):
            return True
        # Revoked before it was forgotten.
        ctx.home.forget_secret(ROOT_TOKEN)
    try:
        _soon(f"{ADMIN} logs in to Vault", lambda: _login(ctx, vault))
    except _LoginRefused as refusal:
        raise _worthless_or_locked(ctx, refusal.message) from refusal
    return False


class _LoginRefused(PovError):
    """The server itself will not have `pov-admin`."""


def _login(ctx: Context, vault: Vault) -> None:
    token = ctx.kube.create_token(ADMIN, NAMESPACE, audience=AUDIENCE)
    try:
        vault.login_kubernetes(ADMIN, token)
    except Transient:
        raise
    except PovError as error:
        raise _LoginRefused(f"{ADMIN} cannot log in to Vault: {error.message}", cause=error.cause) from error


def _soon(what: str, ask: Callable[[], T]) -> T:
    return wait_for(what, ask, timeout_s=_READY_LIMIT_S, interval_s=_POLL_S)


def _worthless_or_locked(ctx: Context, cause: str) -> Exception:
    if _marked(ctx) == _STARTED:
        return _Worthless()
    return PovError(
        "Vault was set up before, and now does not open",
        cause=cause,
        fix=f"put back the files of {ctx.home.secrets_dir}, or give it up with everything in it: pov down, then pov up",
    )


def _set_up(ctx: Context, report: Report, vault: Vault, server: Engine) -> bool:
    """Make the server what `vault/` declares, and leave no root token behind. Returns whether anything changed."""
    as_root = ctx.home.secret(ROOT_TOKEN) is not None
    audit_by_api = not server.auto_unseal
    report.say("policies, PKI, identities")
    try:
        changed = converge(vault, wishes(ctx), with_audit=audit_by_api)
    except Denied:
        if as_root:
            raise
        # Declarations of another release of `pov`: what `pov-admin` may not change takes a root token once more.
        report.say("a root token for changes that pov-admin may not make")
        become_root(ctx, vault)
        as_root = True
        converge(vault, wishes(ctx), with_audit=audit_by_api)
        changed = True
    if as_root:
        _give_up_root(ctx, vault)
    return changed or as_root


def become_root(ctx: Context, vault: Vault) -> None:
    """Act with a root token made from the recovery keys. It is saved first: `pov up` revokes one that was left."""
    token = vault.new_root_token(_keys(ctx, RECOVERY_KEYS if engine(ctx).auto_unseal else UNSEAL_KEYS))
    ctx.home.save_secret(ROOT_TOKEN, token)
    vault.use(token)


def leave_root(ctx: Context, vault: Vault) -> None:
    """Make that token worthless, and forget it."""
    vault.revoke_own_token()
    ctx.home.forget_secret(ROOT_TOKEN)


def _give_up_root(ctx: Context, vault: Vault) -> None:
    """Only once `pov-admin` has logged in: there is no way back in without one of the two.

    A login is denied, too, while the server cannot ask the cluster about the token: in a young cluster no name is
    resolved yet.
    """
    wait_for(
        f"{ADMIN} logs in to Vault",
        lambda: _login(ctx, reach(ctx)),
        timeout_s=_READY_LIMIT_S,
        interval_s=_POLL_S,
        bears=(Transient, _LoginRefused),
    )
    _mark(ctx, _COMPLETED)
    leave_root(ctx, vault)


def _marked(ctx: Context) -> str:
    claim = ctx.kube.get("v1/PersistentVolumeClaim", CLAIM, NAMESPACE) or {}
    return str((claim.get("metadata", {}).get("annotations") or {}).get(MARK, ""))


def _mark(ctx: Context, value: str) -> None:
    ctx.kube.patch("v1/PersistentVolumeClaim", CLAIM, NAMESPACE, {"metadata": {"annotations": {MARK: value}}})


def _start_over(ctx: Context) -> None:
    """Delete the server and its data, having looked once more that set-up was never completed."""
    if _marked(ctx) != _STARTED:
        raise PovError("Vault's volume is not one to start over", fix="pov status")
    ctx.kube.delete("apps/v1/StatefulSet", STATEFUL_SET, NAMESPACE, wait_s=60)
    with suppress(Transient):
        ctx.kube.delete("v1/Pod", POD, NAMESPACE)
    wait_for("Vault's pod is gone", lambda: _gone(ctx), timeout_s=60)
    ctx.cluster.discard(ctx.kube, NAMESPACE, CLAIM)
    for name in (ROOT_TOKEN, RECOVERY_KEYS, UNSEAL_KEYS):
        ctx.home.forget_secret(name)


def _gone(ctx: Context) -> bool | Pending:
    return Pending("still there") if ctx.kube.get("v1/Pod", POD, NAMESPACE) else True
