#!/usr/bin/env bash
# New services, as a good script does it on the hosts as they are: all hosts at once, keys made on the hosts and never
# leaving them, requests signed here, services side by side. If one does not become ready, none stays. Run again, it does
# what is left. What it is told: docs/own-arm.md.
source "$(dirname "$0")/common.sh"
shopt -s nullglob

sign() { # FOLDER NAME
    openssl x509 -req -in "$1/$2.csr" -CA "$POV_CA" -CAkey "$POV_CA_KEY" -days "$POV_DAYS" \
        -extfile "$POV_REQUESTS/$2.cnf" -out "$1/$2.crt" 2>/dev/null
}

begin() { # HOST
    local folder="$POV_WORK/$1" request
    mkdir -p "$folder" && on "$1" found "$at_once" </dev/null | tar -xf - -C "$folder" || return 1
    for request in "$folder"/*.csr; do
        sign "$folder" "$(basename "$request" .csr)" && rm "$request" || return 1
    done
    cat "$POV_CA" >"$folder/ca.crt"
    tar -cf - -C "$folder" . | on "$1" bring "$at_once"
}

remove() { on "$1" remove "$at_once" </dev/null; }

everywhere begin && exit
echo "taking them away, everywhere" >&2
everywhere remove
exit 1
