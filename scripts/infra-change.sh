#!/usr/bin/env bash
# A namespace with a quota, as a good script does it: all objects in one call, then a wait for the quota. If the quota does
# not come, the namespace goes again. What it is told: POV_SPACE, POV_MANIFESTS, POV_KUBECTL, POV_KUBECONFIG.
set -euo pipefail

cluster() { "$POV_KUBECTL" --kubeconfig="$POV_KUBECONFIG" "$@"; }

cluster apply --filename="$POV_MANIFESTS" &&
    cluster wait --for=jsonpath='{.status.hard.pods}' --timeout=60s --namespace="$POV_SPACE" resourcequota/team && exit
echo "taking it away" >&2
cluster delete namespace "$POV_SPACE" --ignore-not-found --wait=false
exit 1
