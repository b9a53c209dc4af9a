#!/usr/bin/env bash
# A new release of the services under proof, as a good script does it on the hosts as they are. The release lies on the
# hosts already. Every service is tried beside the old one before any is touched; then each is swapped in one restart and
# has to be ready; if one is not, all go back. Run again, it does what is left. What it is told: docs/own-arm.md.
source "$(dirname "$0")/common.sh"

act() { on "$2" "$1" "$at_once" </dev/null; }

everywhere act try || { echo "nothing was changed" >&2; exit 1; }
everywhere act swap && exit
echo "back to the release before, everywhere" >&2
everywhere act back
exit 1
