#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whoever waits sees why: on a terminal a line for each transfer, which goes away again, in the mount
# a table, and the log where it was sent. In the mount a walk that shows no trees reads no layer.
. "$(dirname "$0")/lib.sh"
require skopeo script getfattr jq python3

example=oci:$SOURCE_DIR/examples/multi-arch
start_registry
skopeo copy -q --all --dest-tls-verify=false "$example:demo" "docker://$registry/a/b:v1"

# mount_on_terminal OPTION…: in the foreground of a terminal of its own, what it shows in $screen.
screen=$work/screen
mount_on_terminal() {
  : >"$screen"
  TERM=xterm script --quiet --flush --return --command \
    "exec $(printf '%q ' "$DIGESTFS" -f --cache-dir "$cache" "$@" "$registry/a/b" "$mnt")" \
    "$screen" </dev/null >/dev/null 2>&1 &
  started "$!"
  eventually 30 answers "$mnt" || fail "not mounted: $(cat "$screen")"
}
# daemon: the process in that terminal; there is no other with this cache.
daemon() { pgrep --full -- "-f --cache-dir $cache .* $mnt\$" | tail -n 1; }
end_mount() {
  local pid
  pid=$(daemon)
  fusermount3 -u "$mnt"
  eventually 10 is_gone "$pid" || fail 'digestfs did not end'
  rm -rf "$cache"
}

first_layer() { basename "$(readlink "$mnt/tags/v1/host/layers/00/blob" 2>/dev/null ||
  readlink "$mnt/tags/v1/platforms/linux_amd64/layers/00/blob")"; }
shows() { tr -d '\r' <"$screen" | grep -qF -- "$1"; }
# Going up and erasing to the end of the screen takes a line away. Nothing is drawn after that.
is_blank() { [[ $(sed -z 's/.*\x1b\[J//' "$screen" | tr -d '\0\r\n') == '' ]]; }

mount_on_terminal
layer=$(first_layer)
pause_registry
cat "$mnt/blobs/$layer" >"$work/blob" &
reader=$!
started "$reader"
brief=${layer#sha256:}
eventually 20 shows "fetch ${brief:0:12}  waiting for" || fail "the terminal shows: $(cat -v "$screen")"
tail -n +2 "$mnt/.digestfs/transfers" | grep -q " 1  fetch    $layer\$" ||
  fail "the transfers are: $(cat "$mnt/.digestfs/transfers")"
expect_eq "$(getfattr --only-values -n user.digestfs.fetched "$mnt/blobs/$layer")" 0 'bytes fetched'
resume_registry
wait "$reader"
expect_eq "sha256:$(sha256sum <"$work/blob" | cut -d ' ' -f 1)" "$layer" 'the blob'
eventually 10 is_blank || fail "the line stays: $(cat -v "$screen")"
grep -q "info: fetched digest=$layer" "$mnt/.digestfs/log" || fail 'the log of the mount says nothing'
expect_eq "$(wc -l <"$mnt/.digestfs/transfers")" 1 'transfers when nothing is under way'

# Who has one of these open sees the size of what is read, also while the text grows.
expect_eq "$(python3 - "$mnt" <<'PYTHON'
import glob, os, sys
mount = sys.argv[1]
files = [open(f"{mount}/.digestfs/{name}", "rb") for name in ("log", "transfers", "problems.jsonl")]
before = os.stat(f"{mount}/.digestfs/log").st_size
for blob in glob.glob(f"{mount}/tags/v1/platforms/*/layers/*/blob"):
    with open(blob, "rb") as layer:  # of which the log says that it was fetched
        layer.read()
for file in files:
    print(os.fstat(file.fileno()).st_size == len(file.read()))
files.pop(0).close()
print(os.stat(f"{mount}/.digestfs/log").st_size > before)
PYTHON
)" $'True\nTrue\nTrue\nTrue' 'fstat of what is open is the size of its text'
end_mount

# Quiet: nothing is drawn. The log goes to a file, and to a new one after it was moved away.
mount_on_terminal --quiet --log-level info --log-file "$work/digestfs.log"
eventually 5 grep -q ' info: mounted ' "$work/digestfs.log" || fail 'the log file has no line'
expect_eq "$(first_layer)" "$layer"
pause_registry
cat "$mnt/blobs/$layer" >"$work/blob" &
reader=$!
started "$reader"
waits() { grep -q "fetch    $layer" "$mnt/.digestfs/transfers"; }
eventually 20 waits || fail 'nothing waits'
sleep 1 # a line would be there by now
expect_eq "$(cat -v "$screen" | grep -v '^Script ' | tr -d '\n')" '' 'what is on the screen of --quiet'
resume_registry
wait "$reader"
mv "$work/digestfs.log" "$work/digestfs.log.1"
kill -HUP "$(daemon)"
has_new_log() { [[ -e $work/digestfs.log ]]; }
eventually 10 has_new_log || fail 'SIGHUP does not open the log file again'
end_mount

# A terminal that takes nothing any more, as after Ctrl-S, holds neither the mount nor its end.
python3 - "$DIGESTFS" -d -f --cache-dir "$cache" "$registry/a/b" "$mnt" <<'PYTHON' &
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    os.execv(sys.argv[1], sys.argv[1:])
os.waitpid(pid, 0)  # and nobody reads
PYTHON
started "$!"
eventually 30 answers "$mnt" || fail 'not mounted'
names=0
is_full() { # its terminal holds the thread that writes the log
  stat "$mnt"/blobs/$((++names)).{1..50} >/dev/null 2>&1 || true
  grep -qs '^wait_woken' /proc/"$(daemon)"/task/*/wchan
}
eventually 60 is_full || fail 'the terminal takes whatever comes'
timeout 10 stat "$mnt/tags/v1/manifest.json" >/dev/null || fail 'a full terminal holds the mount'
pid=$(daemon)
kill "$pid"
eventually 10 is_gone "$pid" || fail 'a full terminal holds the end of the mount'
rm -rf "$cache"

# A walk of a mount that lists no trees: manifests and configs, but no layer.
mount_source "$registry/a/b" --list-trees=no
forget_requests
find "$mnt" >"$work/found"
find -L "$mnt/tags" >"$work/found" # the platforms of an index are links
configs=$(find "$mnt/configs" -type f | wc -l)
((configs > 1)) || fail 'the walk has met no config'
expect_eq "$(requests 'GET /v2/a/b/blobs/')" "$configs" 'blobs that the walk has fetched'
for blob in "$cache"/blobs/sha256/*; do
  jq -e . "$blob" >/dev/null || fail "$blob is no document"
done
[[ -z $(ls "$cache/diffs/sha256" 2>/dev/null) ]] || fail 'the walk has unpacked a layer'
unmount
