"""No secret in any log, event, file, commit or process list: this collects them all and looks for each one."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from kubernetes.config import kube_config
from pypdf import PdfReader

from tests.e2e.harness import UP_S, Environment, Ran

pytestmark = pytest.mark.timeout(600)

NAMESPACES = ("vault", "gitea", "argocd", "pov-system", "dev", "staging", "prod", "legacy")
PUBLIC_KEYS = {"ca.crt", "tls.crt", "namespace", "url", "type", "username", "name", "project", "insecure"}
PATTERNS = {
    "a Vault token": rb"\bhv[sbr]\.[A-Za-z0-9_-]{20,}|\bs\.[A-Za-z0-9]{24}\b",
    "a signed token": rb"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    "a private key": rb"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "an authorisation header": rb"(?i)authorization:\s*(bearer|basic|token)\s+[A-Za-z0-9+/=_.-]{8,}",
    "a login in an address": rb"https?://[^/\s:@\"']+:[^/\s@\"']{6,}@",
}
"""What short-lived secrets look like, which nobody could collect."""


def parts(value: str) -> set[str]:
    """What to look for of one secret: each line that could not be there by chance, and JSON's strings."""
    try:
        document = json.loads(value)
    except ValueError:
        document = None
    texts = list(_strings(document)) if isinstance(document, dict | list) else [value]
    lines = {line.strip() for text in texts for line in text.splitlines()}
    return {line for line in lines if len(line) >= 12 and not line.startswith("-----")}


def _strings(node: Any) -> Iterable[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for value in node.values():
            yield from _strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from _strings(value)


def found_in(texts: Mapping[str, bytes], secrets: Mapping[str, set[str]]) -> list[str]:
    """Where a secret shows, as it is or in base64 at any offset. Names places and secrets, never values."""
    needles: list[tuple[str, bytes]] = []
    for name, values in secrets.items():
        for value in values:
            raw = value.encode()
            needles += [(name, raw), *((f"{name} (base64)", encoded) for encoded in _base64_forms(raw))]
    found = [f"{place}: {name}" for place, text in texts.items() for name, needle in needles if needle in text]
    found += [
        f"{place}: {what}"
        for place, text in texts.items()
        for what, pattern in PATTERNS.items()
        if re.search(pattern, text)
    ]
    return sorted(set(found))


def _base64_forms(raw: bytes) -> list[bytes]:
    # Inside a longer text the encoding depends on the offset; the middle part is the same for all that surrounds it.
    forms = []
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        middle = encoded[4 if shift else 0 : len(encoded) // 4 * 4 - 4]
        if len(middle) >= 12:
            forms.append(middle)
    return forms


def _of_home(environment: Environment) -> dict[str, set[str]]:
    folder = environment.home.secrets_dir
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix not in {".pem", ".crt", ".pub"}]
    return {f"secrets/{path.relative_to(folder)}": parts(path.read_text(errors="replace")) for path in files}


def _of_cluster(environment: Environment) -> dict[str, set[str]]:
    secrets = {}
    for namespace in NAMESPACES:
        for item in environment.objects("secrets", "-n", namespace):
            if item["type"].startswith("helm.") or item["metadata"]["name"].startswith("tfstate-"):
                continue
            for key, value in (item.get("data") or {}).items():
                if key in PUBLIC_KEYS or key.endswith(("Mtime", ".pub", ".crt")):
                    continue
                raw = base64.b64decode(value)
                secrets[f"{namespace}/{item['metadata']['name']} {key}"] = parts(raw.decode(errors="replace"))
    return secrets


def _of_kubeconfig(environment: Environment) -> dict[str, set[str]]:
    keys = re.findall(r"(?m)^\s*client-key-data:\s*(\S+)", environment.home.kubeconfig.read_text())
    assert keys
    return {f"kubeconfig {n}": parts(base64.b64decode(key).decode()) for n, key in enumerate(keys)}


def _files(*roots: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for root in roots for p in sorted(root.rglob("*")) if p.is_file()}


def _inside_pdfs(files: Mapping[str, bytes]) -> dict[str, bytes]:
    texts = {}
    for path, content in files.items():
        if path.endswith(".pdf"):
            reader = PdfReader(io.BytesIO(content))
            texts[f"{path} text"] = "".join(page.extract_text() for page in reader.pages).encode()
            texts |= {f"{path} {name}": b"".join(parts) for name, parts in reader.attachments.items()}
    return texts


def _history(environment: Environment, folder: Path) -> dict[str, bytes]:
    """Every version of every file in the configuration repository, and what a clone of it keeps."""
    token = base64.b64encode(f"pov:{environment.secret('gitea-password')}".encode()).decode()
    web = environment.web("gitea")
    environ = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()} | {
        "GIT_SSL_CAINFO": str(web.ca),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {token}",
        "GIT_TERMINAL_PROMPT": "0",
    }
    clone = ["git", "clone", "--quiet", f"{web.url}/pov/platform-config.git", str(folder)]
    subprocess.run(clone, env=environ, check=True, timeout=60, capture_output=True)
    log = ["git", "-C", str(folder), "log", "--all", "--patch", "--format=raw"]
    done = subprocess.run(log, env=environ, check=True, timeout=60, capture_output=True)
    assert done.stdout.count(b"\ndiff --git") > 5
    return {"git history": done.stdout, "git config": (folder / ".git/config").read_bytes()}


def _in_cluster(environment: Environment) -> dict[str, bytes]:
    texts = {"cluster events": environment.kubectl("get", "events", "--all-namespaces", "-o", "json").out.encode()}
    texts["configmaps"] = environment.kubectl("get", "configmaps", "--all-namespaces", "-o", "json").out.encode()
    texts["pods"] = environment.kubectl("get", "pods", "--all-namespaces", "-o", "json").out.encode()
    for namespace in NAMESPACES:
        for pod in environment.objects("pods", "-n", namespace):
            name = pod["metadata"]["name"]
            log = environment.kubectl("logs", "-n", namespace, name, "--all-containers", "--prefix", code=None)
            texts[f"log {namespace}/{name}"] = log.out.encode()
    return texts


def _diagnostics(environment: Environment) -> dict[str, bytes]:
    """A real failure's: `verify` runs in the standing environment, and then says that it failed."""
    ran = environment.pov("up", code=1, timeout_s=UP_S, bend="fail:verify")
    assert "this step was told to fail" in ran.err
    assert str(environment.home.diagnostics_dir) in ran.err
    texts = _files(environment.home.diagnostics_dir)
    names = {Path(path).name for path in texts}
    assert {"error.txt", "events.txt", "pods.txt", "version.txt"} <= names
    return texts


def test_no_secret_shows_anywhere(shared: Environment, measured: Ran, tmp_path: Path) -> None:
    shared.pov("report")
    shared.pov("-v", "status")
    diagnostics = _diagnostics(shared)
    # Whatever changes is changed now, so that its processes and its output are among what is looked at.
    secrets = _of_home(shared) | _of_cluster(shared) | _of_kubeconfig(shared)
    secrets = {name: values for name, values in secrets.items() if values}
    expected = ("secrets/gitea-password", "secrets/gitea-reviewer-password", "secrets/argocd-admin-password")
    assert set(expected) <= set(secrets)
    assert any("ca.key" in name for name in secrets)
    assert len(secrets) > 12
    files = _files(*(path for path in shared.home.root.iterdir() if path.name in {"runs", "reports"}))
    others = [path for path in shared.home.root.rglob("*") if path.is_file()]
    # Tests use the library in this very process, too: its client's key file lies beside the kubeconfig till the end.
    held = {Path(path) for path in kube_config._temp_files.values()}
    outside = {shared.home.secrets_dir, shared.home.kubeconfig, *held}
    files |= {str(p): p.read_bytes() for p in others if not outside & {p, *p.parents}}
    assert str(shared.home.journal) in files
    commands = {
        f"output of {' '.join(ran.argv[2:])} #{number}": f"{ran.out}\n{ran.err}"
        for number, ran in enumerate(shared.transcript)
    }
    processes = b"\n".join(line.replace(b"\0", b" ") for line in shared.watch.seen)
    assert b"kind create cluster" in processes, "the process list was watched while the cluster was made"
    assert b"ansible" in processes
    texts = {
        **files,
        **_inside_pdfs(files),
        **{place: text.encode() for place, text in commands.items()},
        **diagnostics,
        **_history(shared, tmp_path / "clone"),
        **_in_cluster(shared),
        "process list": processes,
    }
    assert any(place.endswith("samples.jsonl") for place in texts if ".pdf" in place)
    assert found_in(texts, secrets) == []
    # The search itself: each secret planted, as it is and encoded in the middle of something, is found.
    for name, values in secrets.items():
        planted = f"x{max(values, key=len)}y".encode()
        assert found_in({"plain": planted}, {name: values}), name
        assert found_in({"encoded": base64.b64encode(b"ab" + planted)}, {name: values}), name
