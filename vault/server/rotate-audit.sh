#!/bin/sh
# Keeps the audit log within FILES + 1 files of about BYTES each, so that it cannot fill the volume: a server that cannot
# write its audit log answers no request. It runs beside the server and looks every PERIOD seconds. The server goes on
# writing to a file that was renamed until SIGHUP makes it open a new one: no entry is lost.
set -eu

log=${LOG:-/vault/data/audit.log}
pid_file=${PID_FILE:-/vault/run/pid}
bytes=${BYTES:-16777216}
files=${FILES:-5}
period=${PERIOD:-15}

trap 'exit 0' TERM INT

while true; do
  if [ -f "$log" ] && [ -s "$pid_file" ] && [ "$(wc -c < "$log")" -ge "$bytes" ]; then
    number=$files
    while [ "$number" -gt 1 ]; do
      previous=$((number - 1))
      if [ -f "$log.$previous" ]; then
        mv -f "$log.$previous" "$log.$number"
      fi
      number=$previous
    done
    mv -f "$log" "$log.1"
    # Not there: it is just starting, and opens a new file anyway.
    kill -HUP "$(cat "$pid_file")" || true
  fi
  # In the background, so that the signal to end is heard at once.
  sleep "$period" &
  wait $!
done
