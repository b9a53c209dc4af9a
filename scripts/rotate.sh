#!/usr/bin/env bash
# A new key and certificate for every service, as a good script does it on the hosts as they are: all hosts at once, keys
# made on the hosts and never leaving them, requests signed here. A service reads its certificate when it starts, and
# there is one process of each: so a host restarts one service after the other, and the next one's turn comes when it is
# ready again. If one is not, all go back. What it is told: docs/own-arm.md.
source "$(dirname "$0")/common.sh"

sign() { # FOLDER NAME
    openssl x509 -req -in "$1/$2.csr" -CA "$POV_CA" -CAkey "$POV_CA_KEY" -days "$POV_DAYS" \
        -extfile "$POV_REQUESTS/$2.cnf" -out "$1/$2.crt" 2>/dev/null
}

renew() { # HOST
    local folder="$POV_WORK/$1" request
    mkdir -p "$folder" && on "$1" request "$at_once" </dev/null | tar -xf - -C "$folder" || return 1
    for request in "$folder"/*.csr; do
        sign "$folder" "$(basename "$request" .csr)" && rm "$request" || return 1
    done
    tar -cf - -C "$folder" . | on "$1" install 1
}

restore() { on "$1" restore "$at_once" </dev/null; }

everywhere renew && exit
echo "back to the certificates before, everywhere" >&2
everywhere restore
exit 1
