#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How the program starts and ends: exit codes and one clear line before it becomes a daemon; no
# process and no mount afterwards, whichever way it is ended.
. "$(dirname "$0")/lib.sh"
expect_errors

example=oci:$SOURCE_DIR/examples/multi-arch
digestfs() { "$DIGESTFS" --cache-dir "$cache" "$@"; }
# The daemon of a mount in the background, by the mount point that is its last argument.
daemons_of() { pgrep -f -- "$1\$" || true; }
no_daemon_of() { [[ -z $(daemons_of "$1") ]]; }
# gone: no mount, no process.
gone() {
  eventually 10 no_daemon_of "$mnt" || fail "the daemon is still there after $1"
  ! is_mounted "$mnt" || fail "still mounted after $1"
}
# expect_line STATUS PATTERN COMMAND…: it fails with that status and one line that says why.
expect_line() {
  local status=$1 pattern=$2
  shift 2
  expect_status "$status" "$@" 2>"$work/stderr"
  expect_eq "$(wc -l <"$work/stderr")" 1 "lines on stderr: $(cat "$work/stderr")"
  grep -qE -- "^digestfs: .*$pattern" "$work/stderr" ||
    fail "unexpected message: $(cat "$work/stderr")"
  gone "a start that failed"
}

# In the background it returns when the mount answers.
for end in fusermount3 umount TERM INT lazily; do
  digestfs "$example" "$mnt"
  expect_eq "$(ls "$mnt/tags")" $'demo\ndemo-aarch64\ndemo-x86_64'
  pid=$(daemons_of "$mnt")
  [[ -n $pid ]] || fail 'there is no daemon'
  started "$pid"
  case $end in
    fusermount3) fusermount3 -u "$mnt" ;;
    umount) if ((EUID == 0)); then umount "$mnt"; else fusermount3 -u "$mnt"; fi ;;
    lazily) fusermount3 -uz "$mnt" ;;
    *) kill "-$end" "$pid" ;;
  esac
  gone "$end"
done

# A directory in use is not unmounted under its user; lazily it is.
digestfs "$example" "$mnt"
pid=$(daemons_of "$mnt")
started "$pid"
exec 7<"$mnt/tags/demo/manifest.json"
! fusermount3 -u "$mnt" 2>/dev/null || fail 'unmounted while a file was open'
fusermount3 -uz "$mnt"
exec 7<&-
gone 'the last user'

# Another mount namespace that has it keeps it, as a container does that began meanwhile.
if unshare --mount true 2>/dev/null; then
  digestfs "$example" "$mnt"
  pid=$(daemons_of "$mnt")
  started "$pid"
  cat "$mnt/tags/demo/manifest.json" >"$work/before"
  mkfifo "$work/until"
  # shellcheck disable=SC2016 # the inner shell's
  unshare --mount sh -c 'read -r line <"$0"; cat "$1"' "$work/until" "$mnt/tags/demo/manifest.json" \
    >"$work/after" &
  other=$!
  started "$other"
  has_namespace() { [[ $(readlink "/proc/$other/ns/mnt") != "$(readlink /proc/self/ns/mnt)" ]]; }
  eventually 10 has_namespace || fail 'no namespace began'
  fusermount3 -u "$mnt"
  ! is_mounted "$mnt" || fail 'unmounted, and still there'
  echo >"$work/until"
  wait "$other" || fail 'reading in the other namespace failed'
  cmp "$work/before" "$work/after"
  gone 'the last namespace'
fi

# What is wrong is said on the terminal, in one line, with a status of its own.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
expect_line 13 "127.0.0.1:$port" digestfs "127.0.0.1:$port/a/b" "$mnt"
expect_line 13 "127.0.0.1:$port" digestfs "127.0.0.1:$port/a/b:tag" "$mnt"
expect_line 11 'no/such' digestfs "oci:$work/no/such" "$mnt"
expect_line 10 'nowhere' digestfs "$example" "$work/nowhere"
expect_line 10 'log' digestfs "$example" "$log"
expect_line 14 'cache' digestfs --cache-dir "$log/x" "$example" "$mnt"
{
  expect_status 2 digestfs "$example"
  expect_status 2 digestfs --no-such-option "$example" "$mnt"
  expect_status 2 digestfs -o no_such_option "$example" "$mnt"
  expect_status 2 digestfs 'lower/UPPER' "$mnt"
  expect_status 2 digestfs 'https://quay.io/a/b' "$mnt"
} 2>"$work/usage"
expect_status 0 digestfs --help >/dev/null
expect_status 0 digestfs -V >/dev/null

start_registry
expect_line 11 "$registry/a/b" digestfs "$registry/a/b" "$mnt"
expect_line 11 'absent' digestfs "$registry/a/b:absent" "$mnt"
skopeo copy -q --dest-tls-verify=false "$example:demo-x86_64" "docker://$registry/a/b:one"
skopeo copy -q --dest-tls-verify=false "$example:demo-aarch64" "docker://$registry/a/b:two"
expect_line 11 'absent' digestfs "$registry/a/b:absent" "$mnt"

# A tag or a digest: only that is shown.
mount_source "$registry/a/b:one"
expect_eq "$(ls "$mnt/tags")" one
[[ ! -e $mnt/tags/two ]] || fail 'another tag is shown'
digest=$(basename "$(readlink "$mnt/tags/one/manifest.json")")
unmount
mount_source "$registry/a/b@$digest"
expect_eq "$(ls "$mnt/images")" "$digest"
expect_eq "$(ls "$mnt/tags")" ''
expect_eq "sha256:$(sha256sum <"$mnt/images/$digest/manifest.json" | cut -d ' ' -f 1)" "$digest"
unmount

# A registry that is there but says nothing, and of which nothing is known.
pause_registry
expect_line 13 "$registry" digestfs --timeout 1 --cache-dir "$work/fresh" "$registry/a/b" "$mnt"
resume_registry

# Once verified, readable without the registry: offline, and when it is away.
mount_source "$registry/a/b"
sha256sum "$mnt"/tags/one/{manifest.json,config.json,layers/00/blob} >"$work/before"
unmount
stop_registry
for option in --offline --tag-ttl=60; do
  mount_source "$registry/a/b" "$option"
  expect_eq "$(ls "$mnt/tags")" $'one\ntwo' 'tags of the last list'
  sha256sum "$mnt"/tags/one/{manifest.json,config.json,layers/00/blob} | cmp - "$work/before"
  expect_eq "$(getfattr --only-values -n user.digestfs.stale "$mnt/tags/one" 2>"$work/stderr")" true
  status=0
  cat "$mnt/tags/two/layers/00/blob" >/dev/null 2>"$work/stderr" || status=$?
  expect_eq "$status" 1 'reading what is not cached'
  grep -q 'timed out' "$work/stderr" || fail "unexpected error: $(cat "$work/stderr")"
  unmount
done
