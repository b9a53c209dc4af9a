"""What of the user's variables each tool is given: the names on its list here, and nothing else.

A list says what a tool needs of a user's set-up. What is on none (`TF_VAR_*`, `ANSIBLE_*`, `GIT_*`, `LD_PRELOAD`,
`BASH_ENV`, `SHELL` …) reaches no tool, whether anybody has thought of it or not. Every tool speaks the same language.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping

_PLACES = ("HOME", "TMPDIR", "USER", "LOGNAME")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_USER_FOLDERS = ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "DBUS_SESSION_BUS_ADDRESS")
_DOCKER = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
_PODMAN = ("CONTAINER_HOST", "CONTAINER_CONNECTION", "CONTAINER_SSHKEY", "CONTAINERS_STORAGE_CONF",
           "CONTAINERS_REGISTRIES_CONF", "REGISTRY_AUTH_FILE")  # fmt: skip
_ENGINE = (*_PLACES, *_USER_FOLDERS, "SSH_AUTH_SOCK")
_FETCHING = (*_PLACES, *_PROXIES, *_CERTIFICATES, "NETRC")
GO_MODULES = ("GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB", "GOINSECURE", "GOAUTH", "GOVCS")
"""Where `go` gets modules from; it is also asked for them, since `go env -w` sets them, too."""
_NPM_CONFIG = ("registry", "cafile", "proxy", "https_proxy", "noproxy", "userconfig", "globalconfig")
_NPM = (
    "NODE_EXTRA_CA_CERTS",
    *(f"npm_config_{name}" for name in _NPM_CONFIG),
    *(f"NPM_CONFIG_{name.upper()}" for name in _NPM_CONFIG),
)
_PIP = (
    "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_TRUSTED_HOST", "PIP_CERT", "PIP_CLIENT_CERT",
    "PIP_PROXY", "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES", "PIP_CACHE_DIR", "PIP_CONFIG_FILE", "PIP_KEYRING_PROVIDER",
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME",
)  # fmt: skip

TAKEN: Mapping[str, tuple[str, ...]] = {
    # Which engine is meant and where it answers is a user's choice, and is kept with what is made there.
    "the choice of an engine": (*_DOCKER, *_PODMAN),
    # An agent, because it may be reached over SSH.
    "container engine": (*_ENGINE, *_PROXIES, *_CERTIFICATES),
    # It runs the container engine, but hands proxies on to the node, where only the cluster itself is to be reached.
    "kind": _ENGINE,
    # These speak with the cluster alone, on loopback, where no proxy is to see a token.
    "git": ("TMPDIR",),
    "ssh": ("TMPDIR",),
    # A person's key may be held by their agent, and nowhere else.
    "signing": ("TMPDIR", "SSH_AUTH_SOCK"),
    "terraform": (),
    "conftest": (),
    "ansible": _PLACES,
    # A script that a customer brings: who runs it, no more; what it is to do, it is told beside these.
    "own script": ("HOME", "USER", "LOGNAME"),
    # Somebody works in it; its way to the hosts is a program beside it, not a user's own configuration.
    "a person's shell": (*_PLACES, "TERM", "COLORTERM", "EDITOR"),
    # Programs that read and write files, or tell their version.
    "file tool": ("TMPDIR",),
    # These fetch from registries: which mirror is asked, through which proxy, with whose password, is a user's choice.
    "go": (*_FETCHING, *GO_MODULES),
    "npm": (*_FETCHING, *_NPM),
    "pip": (*_FETCHING, *_PIP),
    "apt": (*_FETCHING, "APT_CONFIG"),
}
"""By tool, the variables it takes from the user; the way to programs (`PATH`) comes with every one of them."""

TERRAFORM_DECIDES = ("TF_CLI_ARGS", "TF_WORKSPACE", "TF_REATTACH_PROVIDERS", "TF_ENCRYPTION")
"""By these, and by TF_CLI_ARGS_* and TF_VAR_*, Terraform takes arguments, providers or a state from elsewhere. None
reaches it from here; whoever applies in the same job would not apply what was judged."""
TERRAFORM_SETTLES = (
    "TF_CLI_CONFIG_FILE", "TERRAFORM_CONFIG", "TF_DATA_DIR", "TF_PLUGIN_CACHE_DIR",
    "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE",
)  # fmt: skip
"""By these a user says where Terraform gets providers from and where it keeps what it fetched. None reaches it from
here: providers are the bundle's."""
TERRAFORM_TELLS = ("TF_IN_AUTOMATION", "TF_INPUT", "TF_LOG", "TF_LOG_CORE", "TF_LOG_PROVIDER", "TF_LOG_PATH")
"""What Terraform prints or asks: nothing is decided by them, and nobody needs to be told."""

# One in UTF-8 that every such system has; Ansible insists on one.
_LOCALE = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"

GIT_ALONE: Mapping[str, str] = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "pov",
    "GIT_AUTHOR_EMAIL": "pov@pov.dev",
    "GIT_COMMITTER_NAME": "pov",
    "GIT_COMMITTER_EMAIL": "pov@pov.dev",
}
"""Git without a user's or a machine's settings, who asks for nothing and commits in this toolkit's name."""


def given_to(tool: str, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """All variables of a tool of `TAKEN`: what its list takes from the user, then `more`."""
    return {"PATH": search_path(), "LANG": _LOCALE, "LC_ALL": _LOCALE, **taken_by(tool), **(more or {})}


def taken_by(tool: str) -> dict[str, str]:
    """Those variables of a tool's list that are set."""
    return {name: os.environ[name] for name in TAKEN[tool] if name in os.environ}


def program(name: str, *more: str) -> str | None:
    """Where a program lies on the way to programs, or in `more` folders after it; a path that holds wherever it is run.

    A bare `shutil.which` answers with `bin/x` for a relative folder, which is nowhere when started elsewhere.
    """
    return shutil.which(name, path=os.pathsep.join((search_path(), *more)))


def search_path() -> str:
    """The user's way to programs; relative folders of it are those of here, wherever a tool is started."""
    parts = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(os.path.abspath(part) for part in parts if part)  # noqa: PTH100 - no link is to be resolved
