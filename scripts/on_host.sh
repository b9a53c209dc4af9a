# What a host does of a deployment, a rotation, a change of credentials or a new service. The scripts send it along with their call:
#
#   on_host ACTION AT_ONCE VERSION SERVICE:PORT:HEALTH_PORT…
#
# Actions on each service, at most AT_ONCE at a time; the first that fails makes the whole fail, the others go on:
#   try      start the new release beside the one that serves, on ports of its own, until it is ready; then end it
#   swap     let the service finish its requests and start the new release in its place; ready, or back to the old one
#   back     the release that served before, where `swap` had put the new one
#   request  a new key, which stays here, and a request for its certificate, as NAME.csr in a tar on standard output
#   install  certificates from NAME.crt in a tar on standard input, with the key from `request`; ready, or back
#   restore  the key and certificate that were there before `install`
#   renew    credentials from NAME in a tar on standard input; ready, or back
#   former   the credential that was there before `renew`, where `renew` has come and `forget` has not
#   forget   that one, for good
#   found    folders and the release of a new service, a key, which stays here, and a request, as `request`
#   bring    a new service from NAME.crt and ca.crt in a tar on standard input, under the supervisor; ready, or it fails
#   remove   a new service with all that is its
#
# A service has one address here, and that one leads to one port of one host, which two processes cannot share: so the
# new release runs beside the old one to show that it is fit, and then takes its place in one restart.

ready_within_s=15
lead=10000

ready() { # PORT: whether a service calls itself ready. No other program is started for it.
    local answer=""
    { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 1
    printf 'GET /ready HTTP/1.0\r\n\r\n' >&3
    read -r -t 2 answer <&3
    exec 3>&-
    [[ $answer == *" 200 "* ]]
}

until_ready() { # PORT: wait for it
    local deadline=$((SECONDS + ready_within_s))
    until ready "$1"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.02
    done
}

pid_of() { cat "$POV_SERVICE_ROOT/$1/supervise/pid" 2>/dev/null; }

restart() { # NAME HEALTH_PORT: end it in its own way and wait until another process of it is ready
    local before now deadline=$((SECONDS + ready_within_s))
    before=$(pid_of "$1")
    # `term` alone: the supervisor starts it again at once. `restart` would look only each 0.4 s whether it has.
    "$POV_SUPERVISE" term "$POV_SERVICE_ROOT/$1" >/dev/null || return 1
    while now=$(pid_of "$1"); [ -z "$now" ] || [ "$now" = "$before" ]; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.01
    done
    until_ready "$2"
}

point() { # NAME RELEASE: the link to what serves, in one move
    ln -sfn "$2" "$POV_RELEASE_ROOT/$1/current.new"
    mv -T "$POV_RELEASE_ROOT/$1/current.new" "$POV_RELEASE_ROOT/$1/current"
}

serves() { [ "$(readlink "$POV_RELEASE_ROOT/$1/current")" = "releases/$version" ] && ready "$2"; }

try() { # NAME PORT HEALTH_PORT
    local pid failed=0
    serves "$1" "$3" && return
    # One that an interrupted call left would hold the ports.
    while pkill -f -- "--health 127.0.0.1:$(($3 + lead)) "; do sleep 0.05; done
    # As the supervisor would start it, but for the release and the ports.
    sed -e "s#/current#/releases/$version#g" -e "s/--listen :$2/--listen 127.0.0.1:$(($2 + lead))/" \
        -e "s/--health 127.0.0.1:$3/--health 127.0.0.1:$(($3 + lead))/" "$POV_SERVICE_ROOT/$1/run" |
        sh >"$folder/$1.try" 2>&1 &
    pid=$!
    until_ready $(($3 + lead)) || failed=1
    kill "$pid" && wait "$pid"
    [ "$failed" = 0 ] || { echo "$1: $version does not become ready beside the old one:" && tail -5 "$folder/$1.try"; } >&2
    return "$failed"
}

swap() { # NAME PORT HEALTH_PORT
    serves "$1" "$3" && return
    ln -sfn "$(readlink "$POV_RELEASE_ROOT/$1/current")" "$POV_RELEASE_ROOT/$1/before"
    point "$1" "releases/$version"
    restart "$1" "$3" && return
    echo "$1: $version does not become ready; back to the old one" >&2
    back "$@"
    return 1
}

back() { # NAME PORT HEALTH_PORT
    local before
    before=$(readlink "$POV_RELEASE_ROOT/$1/before") || return 0
    [ "$(readlink "$POV_RELEASE_ROOT/$1/current")" = "releases/$version" ] || return 0
    point "$1" "$before"
    restart "$1" "$3" || { echo "$1: does not come back" >&2 && return 1; }
}

request() { # NAME
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" \
        -keyout "$POV_CERTIFICATE_ROOT/$1/tls.key.new" -out "$folder/$1.csr" 2>/dev/null &&
        chown "$POV_OWNER" "$POV_CERTIFICATE_ROOT/$1/tls.key.new"
}

install() { # NAME PORT HEALTH_PORT
    local place="$POV_CERTIFICATE_ROOT/$1"
    [ -s "$folder/$1.crt" ] && [ -s "$place/tls.key.new" ] || { echo "$1: no certificate to install" >&2 && return 1; }
    cp -p "$place/tls.key" "$place/tls.key.old" && cp -p "$place/tls.crt" "$place/tls.crt.old" || return 1
    mv "$folder/$1.crt" "$place/tls.crt" && mv "$place/tls.key.new" "$place/tls.key" || return 1
    restart "$1" "$3" && return
    echo "$1: not ready with its new certificate; back to the old one" >&2
    restore "$@"
    return 1
}

restore() { # NAME PORT HEALTH_PORT
    local place="$POV_CERTIFICATE_ROOT/$1"
    [ -e "$place/tls.key.old" ] && [ -e "$place/tls.crt.old" ] || return 0
    mv "$place/tls.key.old" "$place/tls.key" && mv "$place/tls.crt.old" "$place/tls.crt" || return 1
    restart "$1" "$3" || { echo "$1: does not come back" >&2 && return 1; }
}

renew() { # NAME PORT HEALTH_PORT
    local place="$POV_CREDENTIAL_ROOT/$1"
    [ -s "$folder/$1" ] || { echo "$1: no credential to install" >&2 && return 1; }
    chmod 400 "$folder/$1" && chown "$POV_OWNER" "$folder/$1" && cp -p "$place" "$place.old" || return 1
    mv "$folder/$1" "$place" || return 1
    restart "$1" "$3" && return
    echo "$1: not ready with its new credential; back to the old one" >&2
    former "$@"
    return 1
}

former() { # NAME PORT HEALTH_PORT
    local place="$POV_CREDENTIAL_ROOT/$1"
    [ -e "$place.old" ] || return 0
    mv "$place.old" "$place" || return 1
    restart "$1" "$3" || { echo "$1: does not come back" >&2 && return 1; }
}

forget() { rm -f "$POV_CREDENTIAL_ROOT/$1.old"; }

found() { # NAME PORT HEALTH_PORT
    local release="$POV_RELEASE_ROOT/$1/releases/$version"
    serves "$1" "$3" && return
    mkdir -p "$release" "$POV_CERTIFICATE_ROOT/$1" && ln -sfn "$POV_PROGRAM" "$release/pov-mock" &&
        printf '%s\n' "$version" >"$release/release" && point "$1" "releases/$version" && request "$1"
}

bring() { # NAME PORT HEALTH_PORT
    local place="$POV_CERTIFICATE_ROOT/$1" new="$POV_SERVICE_ROOT/.$1" deadline=$((SECONDS + ready_within_s))
    serves "$1" "$3" && return
    [ -s "$folder/$1.crt" ] && [ -s "$place/tls.key.new" ] || { echo "$1: no certificate to begin with" >&2 && return 1; }
    mv "$folder/$1.crt" "$place/tls.crt" && mv "$place/tls.key.new" "$place/tls.key" || return 1
    cp "$folder/ca.crt" "$place/ca.crt" && chmod 644 "$place/tls.crt" "$place/ca.crt" && mkdir -p "$new" || return 1
    # Whole before the supervisor sees it: it leaves a folder alone whose name begins with a dot.
    printf '#!/bin/sh\nexec 2>&1\ncd %q\nexec chpst -u :%s ./pov-mock service' "$POV_RELEASE_ROOT/$1/current" "$POV_OWNER" >"$new/run"
    printf ' %q' --name "$1" --namespace "$POV_NAMESPACE" --topology "$POV_TOPOLOGY" --certs "$place" --listen ":$2" \
        --health "127.0.0.1:$3" --release "$POV_RELEASE_ROOT/$1/current/release" --drain 0s --reload=false >>"$new/run"
    chmod 755 "$new/run"
    if [ -d "$POV_SERVICE_ROOT/$1" ]; then
        mv "$new/run" "$POV_SERVICE_ROOT/$1/run" && rmdir "$new" || return 1
    else
        mv "$new" "$POV_SERVICE_ROOT/$1" || return 1
    fi
    # The supervisor looks for new folders every five seconds.
    until "$POV_SUPERVISE" status "$POV_SERVICE_ROOT/$1" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || { echo "$1: the supervisor does not take it up" >&2 && return 1; }
        sleep 0.05
    done
    until_ready "$3" || { echo "$1: does not become ready" >&2 && return 1; }
}

remove() { # NAME
    local gone="$POV_SERVICE_ROOT/.gone-$1"
    if [ -d "$POV_SERVICE_ROOT/$1" ]; then
        mv "$POV_SERVICE_ROOT/$1" "$gone" || return 1
        "$POV_SUPERVISE" -w 10 force-shutdown "$gone" >/dev/null
    fi
    rm -rf "$gone" "$POV_SERVICE_ROOT/.$1" "${POV_RELEASE_ROOT:?}/$1" "${POV_CERTIFICATE_ROOT:?}/$1"
}

on_host() {
    local action=$1 at_once=$2 place failed=0 pids=()
    version=$3
    shift 3
    folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
    case $action in install | renew | bring) tar -xf - -C "$folder" || return 1 ;; esac
    for place in "$@"; do
        "$action" ${place//:/ } </dev/null &
        pids+=($!)
        if [ "${#pids[@]}" -ge "$at_once" ]; then
            wait "${pids[0]}" || failed=1
            pids=("${pids[@]:1}")
        fi
    done
    for place in "${pids[@]}"; do wait "$place" || failed=1; done
    case $action in request | found) tar -cf - -C "$folder" . || failed=1 ;; esac
    return "$failed"
}
