#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A start that waits for a silent registry ends at a signal to the process that was started, and to
# that process alone. Only the process that mounts once took the signal: a service manager, which
# signals one process, had to kill it.
. "$(dirname "$0")/lib.sh"
expect_errors

# A registry that accepts connections and says nothing.
mkfifo "$work/until"
python3 - "$work/port" "$work/until" <<'PYTHON' &
import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
with open(sys.argv[1] + ".new", "w") as port:
    port.write(str(listener.getsockname()[1]))
os.rename(sys.argv[1] + ".new", sys.argv[1])
kept = []
while True:
    kept.append(listener.accept())
    open(sys.argv[2], "w").close()
PYTHON
started $!
eventually 30 test -s "$work/port" || fail 'the silent registry does not start'
silent=127.0.0.1:$(<"$work/port")

processes() { pgrep -f -- "$silent/a/b $mnt\$" || true; }
no_process() { [[ -z $(processes) ]]; }

for signal in TERM INT; do
  for place in background foreground; do
    options=()
    if [[ $place == foreground ]]; then options=(-f); fi
    # Python resets what a shell's background ignores, SIGINT.
    python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' \
      "$DIGESTFS" "${options[@]}" --cache-dir "$cache" --timeout 600 "$silent/a/b" "$mnt" \
      2>"$work/stderr" &
    pid=$!
    started "$pid"
    read -r _ <"$work/until" || true # the registry has been asked
    kill "-$signal" "$pid"
    eventually 10 no_process || fail "SIG$signal in the $place: there are still $(processes)"
    status=0
    wait "$pid" || status=$?
    expect_eq "$status" 1 "exit status after SIG$signal in the $place"
    grep -q '^digestfs: interrupted' "$work/stderr" || fail "it says: $(cat "$work/stderr")"
    ! is_mounted "$mnt" || fail "mounted after SIG$signal"
  done
done

# A SIGHUP ends no start: the process that was started passes it on, and both go on.
"$DIGESTFS" --cache-dir "$cache" --timeout 600 --log-level info "$silent/a/b" "$mnt" \
  2>"$work/stderr" &
pid=$!
started "$pid"
read -r _ <"$work/until" || true
kill -HUP "$pid"
eventually 10 grep -q 'nothing is mounted yet' "$work/stderr" || fail 'SIGHUP is not passed on'
is_running "$pid" || fail 'SIGHUP ended the start'
kill -TERM "$pid"
eventually 10 no_process || fail "after SIGHUP and SIGTERM there are still $(processes)"
