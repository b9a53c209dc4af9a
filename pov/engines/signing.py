"""Detached SSH signatures: made and checked by `ssh-keygen -Y`, so that whoever has OpenSSH can check them without us.

Who may sign for what, from when and until when stands in a file of allowed signers (ssh-keygen(1), ALLOWED SIGNERS), a
line a key. A signature carries its namespace, what it is meant for, and no time: the moment that a key's validity is
judged at is the caller's to name. Of the user's set-up an agent alone is asked: it may hold the key to sign with.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pov.base import variables
from pov.base.errors import NoSuchInput, NotFound, PovError
from pov.base.files import write_atomic
from pov.base.process import Completed, run
from pov.base.scratch import scratch
from pov.engines import ssh

_LIMIT_S = 30.0
_FIRST, _LAST = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_PATTERN = re.compile(r"[*?!]")
_FINGERPRINT = re.compile(r" key (\S+:\S+)\s*$", re.MULTILINE)
_TOO_OLD = "use OpenSSH 8.9 or newer: it knows who may sign for what, and until when"


class NotSigned(PovError):
    """There is no signature that counts; the cause says why: forged, other data, unknown, expired, revoked …"""


@dataclass(frozen=True)
class Signer:
    """Who signed, as the file of allowed signers calls them, and the key's fingerprint ("SHA256:…")."""

    principal: str
    fingerprint: str


def require() -> None:
    """Prove on a throwaway key that this machine's ssh-keygen signs, verifies, and refuses a key out of its time.

    Raises `PovError` where it is missing or too old, so that this is told before anything else is done.
    """
    with scratch() as folder:
        key, now = ssh.make_key("probe"), datetime.now(UTC)
        write_atomic(folder / "key", key.private.reveal(), mode=0o600)
        until = f"{now - timedelta(days=1):%Y%m%d}"
        for file, options in (("now", 'namespaces="probe@pov.dev"'), ("past", f'valid-before="{until}"')):
            (folder / file).write_text(f"probe {options} {key.public}\n")
        try:
            made = sign(b"probe", folder / "key", namespace="probe@pov.dev")
            verify(b"probe", made, signers=folder / "now", namespace="probe@pov.dev", when=now)
        except NotFound:
            raise
        except PovError as error:
            said = f"{ssh.version()}: {error.message}: {error.cause}"
            raise PovError("this machine's ssh-keygen cannot sign", cause=said, fix=_TOO_OLD) from error
        try:
            verify(b"probe", made, signers=folder / "past", namespace="probe@pov.dev", when=now)
        except NotSigned:
            return
        raise PovError("this machine's ssh-keygen takes a key after its time", cause=ssh.version(), fix=_TOO_OLD)


def sign(data: bytes, key: Path, *, namespace: str) -> str:
    """An armoured signature over `data`. `key` is a private key without a passphrase, or one that an agent holds.

    Of the latter the public half is enough. Raises `NoSuchInput` without it, `PovError` if it cannot be used.
    """
    if not key.is_file():
        raise NoSuchInput(f"no key {key}", fix="ssh-keygen -t ed25519 -f FILE  (it makes one)")
    # Nobody can be asked for a passphrase here: a command of ours has no terminal.
    done = _keygen(["-Y", "sign", "-n", namespace, "-f", str(key)], data, {"SSH_ASKPASS_REQUIRE": "never"})
    if done.code != 0 or not done.stdout.startswith(_FIRST):
        fix = f"ssh-add {key}  (if it has a passphrase); a private key must be its owner's alone to read"
        raise PovError(f"cannot sign with {key}", cause=_said(done), fix=fix)
    return done.stdout


def verify(
    data: bytes,
    signature: str,
    *,
    signers: Path,
    namespace: str,
    when: datetime | None = None,
    revoked: Path | None = None,
) -> Signer:
    """Who signed `data` for `namespace`. `when` is the moment at which the key has to be valid, by default now.

    `signers` is a file of allowed signers; their names must be plain, not patterns. `revoked` is a list of public keys
    or a KRL (ssh-keygen(1)). Raises `NotSigned` with the reason, `NotFound` if a file is missing.
    """
    for file in (signers, *([revoked] if revoked is not None else [])):
        if not file.is_file():
            raise NotFound(f"no file {file}", fix="name the file of allowed signers, a line a key: NAME ssh-ed25519 …")
    if when is not None and when.tzinfo is None:
        raise ValueError("a moment without a time zone")
    moment = (when or datetime.now(UTC)).astimezone(UTC)
    at = ("-O", f"verify-time={moment:%Y%m%d%H%M%S}")
    with scratch() as folder:
        file = folder / "signature"
        file.write_text(_armoured(signature))
        # Changed data or a forged signature come first: whose key it is does not matter then.
        _require_whole(data, file, namespace)
        found = _keygen(["-Y", "find-principals", *at, "-s", str(file), "-f", str(signers)])
        names = [line for line in found.stdout.splitlines() if line and not _PATTERN.search(line)]
        if found.code != 0 or not names:
            raise NotSigned(f"{signers} allows nobody to sign with this key", cause=_said(found) or "no plain name")
        argv = ["-Y", "verify", *at, "-s", str(file), "-f", str(signers), "-n", namespace]
        return _judged(argv, names, data, revoked)


def public_key(signature: str) -> str:
    """The public key inside a signature, as one line of a file of allowed signers holds it; nothing is checked.

    After the magic and a version the key follows, its own first part its kind (OpenSSH, PROTOCOL.sshsig).
    """
    blob = _decoded(signature)
    length = int.from_bytes(blob[10:14], "big")
    key = blob[14 : 14 + length]
    kind = key[4 : 4 + int.from_bytes(key[:4], "big")].decode("ascii", errors="replace")
    if blob[:6] != b"SSHSIG" or len(key) != length or not kind:
        raise NotSigned("this is no SSH signature", cause="it holds no public key where one belongs")
    return f"{kind} {base64.b64encode(key).decode()}"


def _require_whole(data: bytes, signature: Path, namespace: str) -> None:
    """The signature is over these data and for this namespace, whoever made it."""
    done = _keygen(["-Y", "check-novalidate", "-n", namespace, "-s", str(signature)], data)
    if done.code != 0:
        raise NotSigned("not a signature over these data", cause=_said(done))


def _judged(argv: Sequence[str], names: Sequence[str], data: bytes, revoked: Path | None) -> Signer:
    reason = ""
    for name in names:
        done = _keygen([*argv, "-I", name], data)
        if done.code != 0:
            reason = reason or _said(done)
            continue
        fingerprint = _FINGERPRINT.search(done.stdout)
        if fingerprint is None:
            raise NotSigned("ssh-keygen does not say whose key it is", cause=_said(done))
        if revoked is not None and _keygen([*argv, "-I", name, "-r", str(revoked)], data).code != 0:
            why = f"{revoked} revokes it, or is no list of revoked keys"
            raise NotSigned(f"the key of {name} does not count any more", cause=why)
        return Signer(name, fingerprint[1])
    raise NotSigned(f"signed by {names[0]}, who is not allowed to sign this", cause=reason)


def _armoured(signature: str) -> str:
    """The signature as ssh-keygen reads it. Raises `NotSigned` if it is not the one text that stands for its bytes."""
    _decoded(signature)
    return signature.strip(" \r\n") + "\n"


def _decoded(signature: str) -> bytes:
    text = signature.strip(" \r\n")
    inside = text.removeprefix(_FIRST).removesuffix(_LAST).replace("\r", "").replace("\n", "")
    try:
        blob = base64.b64decode(inside, validate=True)
    except ValueError as error:
        raise NotSigned("this is no SSH signature", cause=str(error)) from error
    if not (text.startswith(_FIRST) and text.endswith(_LAST)) or base64.b64encode(blob).decode() != inside or not blob:
        raise NotSigned("this is no SSH signature", cause=f"it does not lie between `{_FIRST}` and `{_LAST}`")
    return blob


def _keygen(arguments: Sequence[str], data: bytes = b"", more: dict[str, str] | None = None) -> Completed:
    # Validity times are read in the zone of the process.
    env = variables.given_to("signing", {"TZ": "UTC", **(more or {})})
    return run(["ssh-keygen", *arguments], timeout_s=_LIMIT_S, env=env, input=data, check=False)


def _said(done: Completed) -> str:
    """What ssh-keygen told, in one line."""
    lines = [line.strip() for line in f"{done.stderr}\n{done.stdout}".splitlines()]
    return "; ".join(dict.fromkeys(line for line in lines if line and not line.startswith("@@@")))[:500]
