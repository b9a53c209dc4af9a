#!/bin/sh
# Run by mmdebstrap with the new root file system as $1: kind's base files ($POV_KIND_FILES) and what kind's own
# Dockerfile does with them, on a system whose CNI plugins and runc are Debian's.
set -eu
root=$1

cp -r "$POV_KIND_FILES"/. "$root"/
find "$root/kind" "$root/etc/containerd" -type d -exec chmod 755 {} +
chmod 755 "$root"/usr/local/bin/* "$root"/kind/bin/*

wants="$root/lib/systemd/system"
find "$wants/sysinit.target.wants/" -name systemd-tmpfiles-setup.service -delete
rm -f "$wants"/multi-user.target.wants/* "$root"/etc/systemd/system/*.wants/* "$wants"/local-fs.target.wants/* \
  "$wants"/sockets.target.wants/*udev* "$wants"/sockets.target.wants/*initctl* "$wants"/basic.target.wants/*
echo "ReadKMsg=no" >> "$root/etc/systemd/journald.conf"
[ -e "$root/sbin/init" ] || ln -s /usr/lib/systemd/systemd "$root/sbin/init"
chroot "$root" systemctl enable kubelet.service containerd.service undo-mount-hacks.service
chroot "$root" systemctl mask systemd-binfmt.service
mkdir -p "$root/etc/kubernetes/manifests"

# Without CAP_SYS_RESOURCE every pod fails otherwise: "can't get final child's PID from pipe: EOF".
sed -i 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' "$root/etc/containerd/config.toml"

# kind's own network plugin is not to be had as a module: plain veth pairs do for a single node.
mkdir -p "$root/opt/cni/bin" "$root/etc/cni/net.d"
for plugin in host-local loopback ptp portmap; do
  mv "$root/usr/lib/cni/$plugin" "$root/opt/cni/bin/$plugin"
done
rm -rf "$root/usr/lib/cni"
cat > "$root/etc/cni/net.d/10-pov.conflist" <<'CNI'
{
  "cniVersion": "0.4.0",
  "name": "pov",
  "plugins": [
    {
      "type": "ptp",
      "ipMasq": true,
      "ipam": {
        "type": "host-local",
        "dataDir": "/run/cni-ipam-state",
        "routes": [{"dst": "0.0.0.0/0"}],
        "ranges": [[{"subnet": "10.244.0.0/24"}]]
      }
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
CNI
