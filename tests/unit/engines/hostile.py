"""Surroundings as bad as a machine's can be: a page full of variables, and a home folder full of settings."""

from __future__ import annotations

from pathlib import Path

import pytest

_NOWHERE = "/nowhere/at/all"

VARIABLES = {
    # of the dynamic linker, shells and the C library
    "LD_PRELOAD": f"{_NOWHERE}.so",
    "LD_LIBRARY_PATH": _NOWHERE,
    "SHELL": "/usr/sbin/nologin",
    "BASH_ENV": f"{_NOWHERE}.sh",
    "ENV": f"{_NOWHERE}.sh",
    "CDPATH": "/",
    "IFS": "/",
    "POSIXLY_CORRECT": "1",
    "LC_ALL": "tr_TR.UTF-8",
    "LANG": "tr_TR.UTF-8",
    "LANGUAGE": "tr",
    "TZ": "Pacific/Apia",
    "GREP_OPTIONS": "--invert-match",
    "TAR_OPTIONS": "--totals",
    # of Python
    "PYTHONPATH": _NOWHERE,
    "PYTHONHOME": _NOWHERE,
    "PYTHONWARNINGS": "error",
    "PYTHONSTARTUP": _NOWHERE,
    "PYTHONOPTIMIZE": "2",
    "PYTHONINSPECT": "1",
    # proxies, certificates
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "socks5://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "all_proxy": "socks5://127.0.0.1:9",
    "SSL_CERT_FILE": _NOWHERE,
    "REQUESTS_CA_BUNDLE": _NOWHERE,
    "CURL_CA_BUNDLE": _NOWHERE,
    "OPENSSL_CONF": _NOWHERE,
    "OPENSSL_MODULES": _NOWHERE,
    "RANDFILE": _NOWHERE,
    # of Git: its local variables, and more
    **dict.fromkeys(
        (
            *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CONFIG", "GIT_OBJECT_DIRECTORY", "GIT_DIR", "GIT_WORK_TREE"),
            *("GIT_GRAFT_FILE", "GIT_INDEX_FILE", "GIT_REPLACE_REF_BASE", "GIT_PREFIX", "GIT_SHALLOW_FILE"),
            *("GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_TEMPLATE_DIR", "GIT_EXEC_PATH", "GIT_SSL_CAINFO"),
            *("GIT_SSL_CERT", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_ASKPASS", "GIT_EDITOR", "GIT_PAGER"),
            *("GIT_EXTERNAL_DIFF", "GIT_SSH_COMMAND", "GIT_PROXY_COMMAND", "GIT_PYTHON_GIT_EXECUTABLE"),
        ),
        _NOWHERE,
    ),
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "core.bare",
    "GIT_CONFIG_VALUE_0": "true",
    "GIT_CONFIG_PARAMETERS": "'core.bare=true'",
    "GIT_IMPLICIT_WORK_TREE": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_DEFAULT_HASH": "sha256",
    "GIT_DEFAULT_REF_FORMAT": "reftable",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TRACE": "1",
    "GIT_TRACE_CURL": "1",
    "GIT_TRACE_SETUP": "1",
    "GIT_CURL_VERBOSE": "1",
    "GIT_ALLOW_PROTOCOL": "ssh",
    "GIT_SSL_NO_VERIFY": "1",
    "GIT_AUTHOR_NAME": "somebody",
    "GIT_AUTHOR_DATE": "2001-01-01T00:00:00Z",
    "GIT_COMMITTER_EMAIL": "somebody@example.com",
    # of SSH
    "SSH_ASKPASS": _NOWHERE,
    "SSH_ASKPASS_REQUIRE": "force",
    "SSH_AUTH_SOCK": _NOWHERE,
    "DISPLAY": ":77",
    # of Ansible
    "ANSIBLE_VAULT_PASSWORD_FILE": _NOWHERE,
    "ANSIBLE_SSH_ARGS": "-o BatchMode=no -p 1",
    "ANSIBLE_SSH_EXECUTABLE": _NOWHERE,
    "ANSIBLE_REMOTE_USER": "somebody",
    "ANSIBLE_CONFIG": _NOWHERE,
    "ANSIBLE_CALLBACK_PLUGINS": _NOWHERE,
    "ANSIBLE_CALLBACKS_ENABLED": "nothing.of.the_kind",
    "ANSIBLE_STDOUT_CALLBACK": "nothing.of.the_kind",
    "ANSIBLE_STRATEGY": "no_such_strategy",
    "ANSIBLE_BECOME": "true",
    "ANSIBLE_CHECK_MODE_MARKERS": "true",
    "ANSIBLE_DEBUG": "1",
    "ANSIBLE_INVENTORY_ENABLED": "no_such_plugin",
    "ANSIBLE_HASH_BEHAVIOUR": "merge",
    "ANSIBLE_JINJA2_NATIVE": "maybe",
    "ANSIBLE_LIBRARY": _NOWHERE,
    "ANSIBLE_FORKS": "none",
    "AWX_LIB_DIRECTORY": _NOWHERE,
    "RUNNER_OMIT_EVENTS": "true",
    # of Terraform
    "TF_VAR_stages": "[]",
    "TF_CLI_ARGS": "-no-such-flag",
    "TF_CLI_ARGS_plan": "-destroy",
    "TF_CLI_CONFIG_FILE": _NOWHERE,
    "TF_DATA_DIR": _NOWHERE,
    "TF_WORKSPACE": "another",
    "TF_LOG": "TRACE",
    "TF_INPUT": "1",
    "TF_PLUGIN_CACHE_DIR": _NOWHERE,
    # of kind, Kubernetes and Vault
    "KIND_CLUSTER_NAME": "another",
    "KIND_EXPERIMENTAL_PROVIDER": "nerdctl",
    "KIND_EXPERIMENTAL_DOCKER_NETWORK": "another",
    "KIND_EXPERIMENTAL_PODMAN_NETWORK": "another",
    "KUBECONFIG": _NOWHERE,
    "KUBERC": _NOWHERE,
    "KUBE_TOKEN": "somebody-s",
    "CONTAINERS_CONF": _NOWHERE,
    "CONTAINERS_CONF_OVERRIDE": _NOWHERE,
    "VAULT_ADDR": "http://127.0.0.1:9",
    "VAULT_TOKEN": "somebody-s",
    # a cloud's
    "AWS_SECRET_ACCESS_KEY": "somebody-s",
    "AWS_PROFILE": "somebody",
    "GOOGLE_APPLICATION_CREDENTIALS": _NOWHERE,
    "ARM_CLIENT_SECRET": "somebody-s",
}

_GITCONFIG = """\
[user]
    name = somebody
[core]
    hooksPath = {home}/hooks
    autocrlf = true
    fsmonitor = /nowhere/at/all
    excludesFile = {home}/everything
[commit]
    gpgSign = true
[init]
    defaultBranch = trunk
    templateDir = {home}
[push]
    gpgSign = true
[fetch]
    recurseSubmodules = true
[extensions]
    partialClone = nowhere
[url "https://nowhere.invalid/"]
    insteadOf = /
    insteadOf = https://
[include]
    path = /nowhere/at/all
"""


PIP_CONF = """\
[global]
index-url = https://mirror.example/simple
extra-index-url =
    https://one.example/simple
    https://two.example/simple
timeout = 7
quiet = 3
require-virtualenv = true
target = /nowhere/at/all
prefix = /nowhere/at/all
root = /nowhere/at/all
dry-run = true
no-binary = :all:
constraint = /nowhere/at/all.txt
log = /nowhere/at/all.log
[install]
trusted-host = mirror.example
user = true
require-hashes = true
[wheel]
wheel-dir = /nowhere/at/all
"""
NPMRC = """\
registry=https://mirror.example/npm/
@corp:registry = https://corp.example/npm/
//mirror.example/npm/:_authToken=${POV_TEST_TOKEN}
cafile=/etc/ssl/certs/ca-certificates.crt
omit=dev
dry-run=true
global=true
offline=true
prefix=/nowhere/at/all
ignore-scripts=false
node-options=--nosuch
store-dir=/nowhere/at/all
frozen-lockfile=false
"""


def bad_home(folder: Path) -> Path:
    """A home folder whose settings spoil every tool that reads them."""
    home = folder / "home"
    texts = {
        ".gitconfig": _GITCONFIG.format(home=home),
        ".config/git/config": _GITCONFIG.format(home=home),
        ".config/git/ignore": "*\n",
        ".config/git/attributes": "* filter=nothing text eol=crlf\n",
        "everything": "*\n",
        ".netrc": "default login somebody password wrong\n",
        ".terraformrc": 'provider_installation { direct { exclude = ["*/*/*"] } }\n',
        ".ansible.cfg": "[defaults]\nforks = none\n",
        ".ssh/config": "Host *\n    ProxyCommand false\n    User somebody\n    NoSuchOption yes\n",
        ".curlrc": "proxy = http://127.0.0.1:9\n",
        ".config/pip/pip.conf": PIP_CONF,
        ".npmrc": NPMRC,
        ".config/pnpm/rc": NPMRC,
        ".config/containers/containers.conf": '[engine]\nruntime = "nosuch"\ncgroup_manager = "nosuch"\n',
        ".kube/config": "nothing of the kind: [",
        ".kube/kuberc": "nothing of the kind: [",
        ".vault-token": "somebody-s",
        ".vault": 'token_helper = "/nowhere/at/all"\n',
        ".terraform.d/plugins/registry.opentofu.org/x": "",
        ".ansible/plugins/callback/spoils.py": "raise SystemExit(1)\n",
        ".ansible/roles/spoils": "",
        ".pydistutils.cfg": "[install]\nprefix = /nowhere/at/all\n",
    }
    for name, text in texts.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    hook = home / "hooks" / "pre-commit"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    return home


def surround(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Make this process's surroundings hostile until the test ends."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(bad_home(folder)))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "home" / ".config"))
