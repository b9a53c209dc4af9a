"""`pov open`: the pages of a running environment, and how to log in. Passwords are told by the file they lie in."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pov.base.errors import InvalidInput, NotFound, Problem
from pov.model.events import Emit, Event
from pov.steps.context import Context
from pov.steps.vault.server import ADMIN, AUDIENCE, NAMESPACE
from pov.workflows.environment import attach, has_built_images

_NO_ARGOCD_PAGE = (
    "Argo CD built from its module has no web page: its API and `pov status` answer; official images have it"
)


@dataclass(frozen=True)
class Login:
    """How a service is logged in to: `secret` is a file's name in the home's `secrets/`; empty where there is none."""

    title: str
    user: str
    secret: str
    path: str = "/"
    note: str = ""


LOGINS: Mapping[str, Login] = {
    "argocd": Login("Argo CD", "admin", "argocd-admin-password"),
    "gitea": Login("Git (Gitea)", "pov", "gitea-password"),
    "vault": Login(
        "Vault", "", "", "/ui/", "pov-admin reads how it is set up and writes nothing; the root token is revoked"
    ),
}


@dataclass(frozen=True)
class OpenOptions:
    """`what` is one of `LOGINS`, or None for all; `browser` opens the page where there is a browser."""

    root: Path
    name: str | None = None
    what: str | None = None
    browser: bool = True


@dataclass(frozen=True)
class Page:
    """One page. `password_file` holds the password and can be read by its owner alone."""

    what: str
    title: str
    url: str
    user: str
    password_file: Path | None
    note: str
    command: str = ""
    """For a POSIX shell: logs in where there is no password; what is secret passes through pipes alone."""


@dataclass(frozen=True)
class OpenResult:
    """The pages, the CA certificate that a browser or `curl --cacert` needs, and whether a browser was opened."""

    pages: tuple[Page, ...]
    ca: Path
    opened: bool

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document; it names files, never what is in them."""
        pages = [
            {**vars(page), "password_file": str(page.password_file) if page.password_file else None}
            for page in self.pages
        ]
        return {"pages": pages, "ca": str(self.ca), "opened": self.opened}


def run(options: OpenOptions, emit: Emit) -> OpenResult:
    """Tell where the pages are. A browser is opened for one named page, if there is a browser and a screen."""
    if options.what is not None and options.what not in LOGINS:
        raise InvalidInput([Problem("WHAT", f"nothing named {options.what} to open", f"one of {', '.join(LOGINS)}")])
    ctx = attach(options.root, options.name, emit)
    pages = []
    for what, login in LOGINS.items():
        if options.what in {None, what}:
            file = ctx.home.secrets_dir / login.secret if login.secret else None
            note = _NO_ARGOCD_PAGE if what == "argocd" and has_built_images(ctx.home) else login.note
            command = _vault_login(ctx) if what == "vault" else ""
            pages.append(Page(what, login.title, ctx.url(what) + login.path, login.user, file, note, command))
    opened = False
    if options.what is not None and options.browser and pages[0].note != _NO_ARGOCD_PAGE and has_screen(os.environ):
        opened = webbrowser.open(pages[0].url)
        emit(Event("note", "open", f"{pages[0].title} in the browser" if opened else "no browser could be opened"))
    return OpenResult(tuple(pages), ctx.trust.ca_path, opened)


def _vault_login(ctx: Context) -> str:
    """Log in to Vault as its Kubernetes auth has it: a service account's token in, one of Vault's out, as JSON."""
    token = [_kubectl(ctx), "--kubeconfig", str(ctx.home.kubeconfig), "create", "token", ADMIN]
    token += ["--namespace", NAMESPACE, "--audience", AUDIENCE]
    # A token holds letters, digits, dots, dashes and underlines alone.
    body = ["sed", f's/.*/{{"role":"{ADMIN}","jwt":"&"}}/']
    # Unlike kubectl curl asks a proxy of the environment for this very machine, too.
    login = ["curl", "--silent", "--show-error", "--noproxy", "*"]
    login += ["--cacert", str(ctx.trust.ca_path), "--data", "@-"]
    login.append(f"{ctx.url('vault')}/v1/auth/kubernetes/login")
    return " | ".join(map(shlex.join, (token, body, login)))


def _kubectl(ctx: Context) -> str:
    """As people type it, where it is on the PATH; else the bundle's own, if that is still there."""
    if shutil.which("kubectl"):
        return "kubectl"
    try:
        return str(ctx.binaries.get("kubectl", "kubectl"))
    except NotFound:
        return "kubectl"


def has_screen(variables: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Whether a browser would show up in front of somebody: a text browser in a terminal is none."""
    return platform == "darwin" or any(variables.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
