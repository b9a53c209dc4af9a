"""Licences in SPDX's words: of the engines by a table, of wheels and Debian packages by what they say themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

UNKNOWN = "NOASSERTION"
"""SPDX's word for "nobody said"; nothing is guessed."""

ENGINES: Mapping[str, str] = {
    "argocd": "Apache-2.0",
    "conftest": "Apache-2.0",
    "containerd": "Apache-2.0",
    "coredns": "Apache-2.0",
    "debian": "LicenseRef-Debian-packages",
    "debian-node": "LicenseRef-Debian-packages",
    "etcd": "Apache-2.0",
    "gitea": "MIT",
    "go": "BSD-3-Clause",
    "kind": "Apache-2.0",
    "kubectl": "Apache-2.0",
    "kubernetes": "Apache-2.0",
    "kustomize": "Apache-2.0",
    "node": "MIT",
    "openbao": "MPL-2.0",
    "pause": "Apache-2.0",
    "redis": "BSD-3-Clause",
    "terraform-provider-kubectl": "MPL-2.0",
    "tofu": "MPL-2.0",
    "vault": "BUSL-1.1",
}
"""Of the pinned releases; a new major release may change its licence, as Redis and Vault did.

Our own code is not in it: the repository states no licence yet, and nothing is stated for it here.
"""

_DEBIAN = {
    "apache-2": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "artistic": "Artistic-1.0-Perl",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "bsd-4-clause": "BSD-4-Clause",
    "cc-by-sa-3.0": "CC-BY-SA-3.0",
    "cc0-1.0": "CC0-1.0",
    "expat": "MIT",
    "isc": "ISC",
    "mit": "MIT",
    "mpl-1.1": "MPL-1.1",
    "mpl-2.0": "MPL-2.0",
    "openssl": "OpenSSL",
    "psf-2": "PSF-2.0",
    "psf-2.0": "PSF-2.0",
    "public-domain": "LicenseRef-public-domain",
    "x11": "X11",
    "zlib": "Zlib",
}
_WORDS = {
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache software license 2.0": "Apache-2.0",
    "bsd license": "BSD-3-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "gnu general public license v3 or later (gplv3+)": "GPL-3.0-or-later",
    "gpl-3.0-or-later": "GPL-3.0-or-later",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mit": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
}
_GNU = re.compile(r"(?P<family>a?l?gpl|gfdl)-?v?(?P<version>\d(?:\.\d)?)?(?:\.0)?(?P<later>\+|-or-later)?(?:-only)?")
_GNU_NAMES = {"gpl": "GPL", "lgpl": "LGPL", "agpl": "AGPL", "gfdl": "GFDL"}
_NEWEST = {"gpl": "1.0", "lgpl": "2.0", "agpl": "3.0", "gfdl": "1.1"}
_COMMON = re.compile(r"/usr/share/common-licenses/([A-Za-z]+(?:-[0-9]+(?:\.[0-9]+)*)?)")
_EXPRESSION = re.compile(r"[A-Za-z0-9.+-]+(?: (?:AND|OR|WITH) [A-Za-z0-9.+-]+)*")


def of_engine(name: str) -> str:
    """The licence of an engine by its component's name."""
    return ENGINES.get(name, UNKNOWN)


def of_wheel(metadata: str) -> str:
    """From a wheel's METADATA: the SPDX expression, else the licence's name, else what the classifiers say."""
    head = metadata.split("\n\n", 1)[0]
    fields: dict[str, list[str]] = {}
    for line in head.splitlines():
        key, separator, value = line.partition(": ")
        if separator:
            fields.setdefault(key.lower(), []).append(value.strip())
    for expression in fields.get("license-expression", []):
        return expression
    for name in fields.get("license", []):
        if name.lower() in _WORDS:
            return _WORDS[name.lower()]
        if _EXPRESSION.fullmatch(name) and "-" in name:
            return name
    marks = [value.rsplit(" :: ", 1)[1] for value in fields.get("classifier", []) if value.startswith("License :: ")]
    known = [_WORDS[mark.lower()] for mark in marks if mark.lower() in _WORDS]
    return _joined(known)


def of_debian(copyright_file: str) -> str:
    """From a Debian package's copyright file: its `License:` fields, else the common licences that it refers to.

    All are joined by AND, also where a file may be taken under one or the other: that promises nothing too much.
    """
    if copyright_file.lstrip().lower().startswith("format:"):
        names = re.findall(r"^License:[ \t]*(\S.*)$", copyright_file, re.MULTILINE)
        return _joined(_spdx(name) for field in names for name in _alternatives(field))
    return _joined(_spdx(name) for name in _COMMON.findall(copyright_file))


def _alternatives(field: str) -> list[str]:
    return [part for part in re.split(r"[, ]+(?:and|or)[, ]+|,\s*|\s*/\s*", field.strip()) if part]


def _spdx(name: str) -> str:
    plain = name.strip().lower().removesuffix(".")
    if plain in _DEBIAN:
        return _DEBIAN[plain]
    gnu = _GNU.fullmatch(plain.split(" ")[0])
    if gnu is not None:
        family = gnu["family"]
        version = gnu["version"] or _NEWEST[family]
        version = version if "." in version else f"{version}.0"
        later = gnu["later"] or not gnu["version"]
        return f"{_GNU_NAMES[family]}-{version}-{'or-later' if later else 'only'}"
    return "LicenseRef-Debian-" + re.sub(r"[^A-Za-z0-9.-]+", "-", name.strip()).strip("-")


def _joined(names: Iterable[str]) -> str:
    found = sorted(set(names))
    return " AND ".join(found) if found else UNKNOWN
