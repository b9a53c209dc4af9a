# What the scripts share: the way to the hosts. For bash 3.2 and newer here; the hosts have a newer one.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
part=$(cat "$here/on_host.sh")
roots=$(printf '%s=%q ' POV_RELEASE_ROOT "$POV_RELEASE_ROOT" POV_CERTIFICATE_ROOT "$POV_CERTIFICATE_ROOT" \
    POV_CREDENTIAL_ROOT "$POV_CREDENTIAL_ROOT" POV_SERVICE_ROOT "$POV_SERVICE_ROOT" \
    POV_SUPERVISE "$POV_SUPERVISE" POV_OWNER "$POV_OWNER" POV_PROGRAM "$POV_PROGRAM" POV_TOPOLOGY "$POV_TOPOLOGY" \
    POV_NAMESPACE "${POV_NAMESPACE:--}")

places_on() { # HOST: its services as NAME:PORT:HEALTH_PORT
    local host service port health
    while read -r host service port health; do
        [ "$host" != "$1" ] || printf '%s:%s:%s ' "$service" "$port" "$health"
    done <"$POV_PLACES"
}

on() { # HOST ACTION AT_ONCE: the action on a host's services; standard input and output are the action's
    local call
    call=$(printf '%s\n%s\non_host %s %s %s %s' "$roots" "$part" "$2" "$3" "${POV_VERSION:--}" "$(places_on "$1")")
    ssh -F "$POV_SSH_CONFIG" "$1" "bash -c '$(sed "s/'/'\\\\''/g" <<<"$call")'"
}

everywhere() { # COMMAND…: run it with each host as a further argument, on all at once; fails if one fails
    local host pids=() failed=0
    for host in $POV_HOSTS; do
        "$@" "$host" &
        pids+=($!)
    done
    for host in "${pids[@]}"; do wait "$host" || failed=1; done
    return "$failed"
}

hosts=$(wc -w <<<"$POV_HOSTS")
# As many new processes at a time as the automated way may run beside the old ones, dealt out to the hosts.
at_once=$(((POV_SURGE + hosts - 1) / hosts))
