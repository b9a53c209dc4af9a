#!/usr/bin/env bash
# A new credential for the services under proof, as a good script does it on the hosts as they are: all hosts at once. A
# service reads its credential when it starts, and there is one process of each: so a host restarts one service after the
# other, and the next one's turn comes when it is ready again. If one is not, all go back. Credentials go from file to
# file, through standard input: they are in no command and no variable. What it is told: docs/own-arm.md.
source "$(dirname "$0")/common.sh"

renew() { # HOST
    local names=() host service
    while read -r host service _; do [ "$host" != "$1" ] || names+=("$service"); done <"$POV_PLACES"
    tar -cf - -C "$POV_CREDENTIALS" "${names[@]}" | on "$1" renew 1
}

act() { on "$2" "$1" "$at_once" </dev/null; }

everywhere renew && everywhere act forget && exit
echo "back to the credentials before, everywhere" >&2
everywhere act former
exit 1
