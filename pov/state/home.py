"""`.pov/NAME/`: one environment's folder."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pov.base.errors import PovError
from pov.base.files import descriptor_to_append, private_dir, require_readable, write_atomic
from pov.base.redact import Secret
from pov.state.compliance import FOLDER as COMPLIANCE
from pov.state.journal import JournalWriter

ASKED = "environment.json"
"""What the environment was asked to be when it was brought up; by this file it is found."""
TERRAFORM_LOG = "terraform-runs.jsonl"
KEPT = {
    "runs": "runs",
    "reports": "reports",
    COMPLIANCE: "evidence of controls",
    "journal.jsonl": "the journal",
    TERRAFORM_LOG: "the log of Terraform runs",
}
"""What of an environment's folder outlives `pov down`: by file, and in words for what is printed and signed."""

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


def among(root: Path, pattern: str) -> list[Path]:
    """What `pattern` finds below `.pov` in `root`, sorted.

    Raises `PreflightFailed` where `.pov` may not be looked into, or where nothing is found and a folder in it may not:
    a search passes over those without a word.
    """
    place = root / ".pov"
    require_readable(place)
    found = sorted(place.glob(pattern))
    if not found and place.is_dir():
        require_readable(*sorted(place.iterdir()))
    return found


class Home:
    """Where an environment keeps its files. Secrets lie in a folder of mode 0700, each in a file of mode 0600."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.kubeconfig = self.root / "kubeconfig"
        self.secrets_dir = self.root / "secrets"
        self.runs_dir = self.root / "runs"
        self.reports_dir = self.root / "reports"
        self.compliance_dir = self.root / COMPLIANCE
        self.journal = self.root / "journal.jsonl"
        self.terraform_log = self.root / TERRAFORM_LOG
        self.diagnostics_dir = self.root / "diagnostics"
        self.intent = self.root / "cluster.json"
        self.engine = self.root / "engine.json"

    def secret(self, name: str) -> Secret | None:
        """The saved secret, or None."""
        try:
            return Secret((self.secrets_dir / name).read_text())
        except FileNotFoundError:
            return None

    def save_secret(self, name: str, secret: Secret) -> None:
        """Keep a secret; readable by the owner alone."""
        private_dir(self.secrets_dir)
        write_atomic(self.secrets_dir / name, secret.reveal(), mode=0o600)

    def forget_secret(self, name: str) -> None:
        """Remove a secret that is no longer valid."""
        (self.secrets_dir / name).unlink(missing_ok=True)

    def all_secrets(self) -> tuple[Secret, ...]:
        """Every secret kept here, for redaction. Public certificates (`*.pem`, `*.crt`, `*.pub`) are not secret."""
        if not self.secrets_dir.is_dir():
            return ()
        public = {".pem", ".crt", ".pub"}
        files = (path for path in sorted(self.secrets_dir.rglob("*")) if path.is_file() and path.suffix not in public)
        return tuple(Secret(path.read_text(errors="replace")) for path in files)

    def journal_writer(self) -> JournalWriter:
        """The history of steps, to append to."""
        return JournalWriter(self.journal)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold this environment alone. Raises `PovError` naming the process that holds it already.

        The kernel keeps the lock for the process and drops it with the process, however that ends: what stands in the
        file is for people, and never stops anyone.
        """
        with ExitStack() as stack:
            try:
                self.root.mkdir(parents=True, exist_ok=True)
                # Beside the folder's files on purpose: it goes with them, and an unlinked lock is of no use to anyone.
                descriptor = descriptor_to_append(self.root / "lock")
                stream = stack.enter_context(os.fdopen(descriptor, "ab+", buffering=0))
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # A full disk takes no word of it, and the lock is held all the same: `pov down` makes room there.
                with suppress(OSError):
                    stream.truncate(0)
                    stream.write(f"{os.getpid()} on {socket.gethostname()}".encode())
            except BlockingIOError as error:
                stream.seek(0)
                holder = " ".join(stream.read().decode(errors="replace").split())[:80] or "unknown"
                raise PovError(
                    f"environment {self.root.name} is being changed by process {holder}",
                    fix="wait for it, or stop it with Ctrl-C",
                ) from error
            except OSError as error:
                raise _no_lock(self.root, error) from error
            yield

    def kept(self) -> tuple[Path, ...]:
        """What of `KEPT` is there."""
        return tuple(path for path in (self.root / name for name in KEPT) if path.exists())

    def remove(self) -> list[str]:
        """Remove all but what is `KEPT`; last that by which it is found, so that what is cut short is found again.

        Returns what was, by path.
        """
        if not self.root.is_dir():
            return []
        removed = []
        for path in sorted(self.root.iterdir(), key=lambda path: (path.name == ASKED, path.name)):
            if path.name in KEPT:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
            if path.name != "lock":
                removed.append(str(path))
        if not any(self.root.iterdir()):
            self.root.rmdir()
            if not any(self.root.parent.iterdir()):
                self.root.parent.rmdir()
        return removed


def _no_lock(root: Path, error: OSError) -> PovError:
    if error.errno in _NO_LOCKS:
        fix = "use a folder on a local disk: --engagement DIR, or start pov there"
        return PovError(f"the file system of {root} knows no locks, as some network ones", cause=str(error), fix=fix)
    return PovError(f"cannot hold {root}", cause=str(error), fix="make the folder writable, with some space")
