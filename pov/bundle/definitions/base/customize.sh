#!/bin/sh
# Run by mmdebstrap with the new root file system as $1: what the component images share.
set -eu
root=$1

# The users of the official images, with their numbers: volumes and manifests name them. runit's come first to 999.
chroot "$root" groupmod --gid 899 runit-log
chroot "$root" usermod --uid 899 --gid 899 runit-log
chroot "$root" groupadd --gid 999 argocd
chroot "$root" useradd --uid 999 --gid 999 --no-create-home --home-dir /home/argocd argocd
chroot "$root" groupadd --gid 1000 git
chroot "$root" useradd --uid 1000 --gid 1000 --no-create-home --home-dir /var/lib/gitea/git --shell /bin/bash git

chroot "$root" git lfs install --skip-repo --system

# A key that is in an image is known to everybody who has the image.
rm -f "$root"/etc/ssh/ssh_host_*
mkdir -p "$root/run/sshd"
rm -rf "$root"/etc/runit/runsvdir/default/* "$root"/var/log/*.log
