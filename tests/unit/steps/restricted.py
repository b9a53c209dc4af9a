"""The Pod Security Standards' restricted profile, for pod specifications."""

from __future__ import annotations

from typing import Any

_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def violations(pod: dict[str, Any]) -> list[str]:
    """What the admission controller would refuse, in words."""
    context = pod.get("securityContext") or {}
    found = [f"{name} is set" for name in ("hostNetwork", "hostPID", "hostIPC") if pod.get(name)]
    for volume in pod.get("volumes") or ():
        kinds = volume.keys() - {"name"}
        found += [f"volume {volume['name']} is a {kind}" for kind in kinds - _VOLUMES]
    for container in [*(pod.get("initContainers") or ()), *pod["containers"]]:
        own = container.get("securityContext") or {}
        name = container["name"]
        merged = {**context, **own}
        if merged.get("runAsNonRoot") is not True or merged.get("runAsUser") == 0:
            found.append(f"{name} may run as root")
        if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
            found.append(f"{name} may gain privileges")
        if (own.get("capabilities") or {}).get("drop") != ["ALL"] or (own.get("capabilities") or {}).get("add"):
            found.append(f"{name} has capabilities")
        if (merged.get("seccompProfile") or {}).get("type") not in {"RuntimeDefault", "Localhost"}:
            found.append(f"{name} has no seccomp profile")
        found += [f"{name} takes a port of the host" for port in container.get("ports") or () if port.get("hostPort")]
    return found
