"""Every pinned version, in one place."""

from __future__ import annotations

ARGOCD = "3.6.1"
ARGOCD_EARLIER = "3.6.0"
"""The release before: what an upgrade is measured from. Its sums stand in `definitions/argocd-earlier`."""
CONFTEST = "0.71.1"
CONTAINERD = "2.4.2"
COREDNS = "1.15.0"
ETCD = "3.7.3"
GITEA = "1.26.0"
GO_WHEEL = "1.27.3"
KIND = "0.33.0"
KUBERNETES = "1.37.2"
KUSTOMIZE = "5.8.1"
NODE_WHEEL = "24.19.0"
OPENBAO = "2.7.2"
PAUSE = "3.10.2"
PNPM = "10.33.0"
TERRAFORM_PROVIDER_KUBECTL = "1.19.0"
TOFU = "1.10.10"
DEBIAN = "bookworm"
MOCK = "1.0.0"

DEBIAN_PACKAGES = (
    "ca-certificates", "git", "git-lfs", "gpg", "gpg-agent", "openssh-client", "openssh-server", "openssl",
    "python3-minimal", "python3", "redis-server", "runit", "tini", "procps", "iptables", "nftables", "conntrack",
    "kmod",
)  # fmt: skip
"""In the one Debian image that every component image stands on: a shared layer is stored and imported once."""

NODE_PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "conntrack", "iptables", "nftables", "iproute2", "ethtool", "util-linux",
    "mount", "kmod", "libseccomp2", "pigz", "e2fsprogs", "bash", "ca-certificates", "curl", "jq", "procps",
    "containernetworking-plugins", "runc", "fuse-overlayfs",
)  # fmt: skip
"""In kind's node image; Debian 12, since systemd 257 of the next release refuses cgroup v1."""
