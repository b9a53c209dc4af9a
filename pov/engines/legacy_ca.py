"""The legacy estate's own certificate authority: two files that whoever runs the runbook works with."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pov.base.errors import NotFound, PovError
from pov.base.files import private_dir, write_atomic
from pov.base.redact import Secret
from pov.engines.certificates import KeyPair, belongs, details, issue, make_ca, signed_by

LIFE = timedelta(days=365)
"""Of a service's certificate in the legacy estate: once a year, by hand, is what it stands for."""
_RENEW_BELOW = 1 / 3
_making = threading.Lock()


@dataclass(frozen=True)
class LegacyCa:
    """A CA kept as two files in an environment's secrets folder; the key's is readable by its owner alone."""

    certificate: Path
    key: Path

    @classmethod
    def at(cls, folder: Path) -> LegacyCa:
        """The CA of a secrets folder, there or not."""
        return cls(folder / "legacy-ca.crt", folder / "legacy-ca.key")

    @classmethod
    def ensure(cls, folder: Path) -> tuple[LegacyCa, bool]:
        """The CA in `folder`, made if there is none that works; tells whether it was made. Thread-safe."""
        found = cls.at(folder)
        with _making:
            if found.works():
                return found, False
            private_dir(folder)
            pair = make_ca("Legacy estate CA")
            # The certificate last: cut off in between, the next run finds no pair and makes both anew.
            found.certificate.unlink(missing_ok=True)
            write_atomic(found.key, pair.key.reveal(), mode=0o600)
            write_atomic(found.certificate, pair.certificate)
            return found, True

    @classmethod
    def load(cls, folder: Path) -> LegacyCa:
        """The CA in `folder`. Raises `NotFound` if there is none."""
        found = cls.at(folder)
        if not found.works():
            raise NotFound("the legacy estate has no CA yet", fix="pov up")
        return found

    @property
    def pem(self) -> str:
        """The CA's certificate."""
        return self.certificate.read_text()

    def issue(self, names: Sequence[str], life: timedelta = LIFE) -> KeyPair:
        """A key and certificate for both sides of a connection; the first name is the common name, URIs are ids."""
        pair = KeyPair(self.pem, Secret(self.key.read_text()))
        return issue(pair, names[0], names, life=life, client=True)

    def vouches_for(self, pem: str, names: Sequence[str], now: datetime) -> bool:
        """Whether `pem` can go on serving: signed by this CA, for all of `names`, with a third of its life left."""
        try:
            said = details(pem)
        except PovError:
            return False
        return set(names) <= set(said.names) and said.life_left(now) > _RENEW_BELOW and signed_by(pem, self.pem)

    def works(self) -> bool:
        """Whether both files are there and belong together."""
        try:
            return belongs(self.pem, Secret(self.key.read_text()))
        except FileNotFoundError:
            return False
