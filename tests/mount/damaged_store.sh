#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# podman's store with a file that somebody changed, a layer that is gone, and a lock that podman
# holds for longer than anybody waits: what cannot be told or given is an error with words, nothing
# is taken for absent, and everything else goes on (S3).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/stores.inc"

require skopeo buildah podman jq
use_store vfs
make_base_files
expect_errors
build_image amd64 localhost/demo:whole
build_image arm64 localhost/demo:damaged
mount_source "$(in_store_name)"
problems=$mnt/.digestfs/problems.jsonl
records=$work/store/vfs/vfs-layers/layers.json
# stored IMAGE LAYER: the directory in which the store has the files of the layer.
stored() {
  local diff
  diff=$(basename "$(readlink "$mnt/localhost/demo:$1/layers/$2/diff")")
  echo "$work/store/vfs/vfs/dir/$(jq -r --arg d "$diff" '.[] | select(.["diff-digest"] == $d).id' \
    "$records" | head -n 1)"
}
# fails_as ERROR FILE: reading it fails so, and not a byte comes.
fails_as() {
  ! cat "$2" >"$work/content" 2>"$work/why" || fail "$2 can be read"
  grep -qF "$1" "$work/why" || fail "$(<"$work/why")"
  [[ ! -s $work/content ]] || fail "bytes of $2 came"
}
# problem DIGEST: what the problems say of it.
problem() { jq -r --arg d "$1" 'select(.object == $d) | "\(.kind): \(.detail)"' "$problems"; }
diff_of() { basename "$(readlink "$1/diff")"; }

# A file that changed.
layer=$mnt/localhost/demo:damaged/layers/00
echo 'ID=other' >"$(stored damaged 00)/etc/os-release"
fails_as 'Input/output error' "$layer/diff"
grep -q 'etc/os-release.*is not what it was when the layer was stored' \
  <<<"$(problem "$(diff_of "$layer")")" || fail "$(<"$problems")"
fails_as 'Input/output error' "$mnt/localhost/demo:damaged/rootfs/etc/os-release"
cmp "$mnt/localhost/demo:damaged/config.json" \
  "$mnt/_/configs/$(jq -r .config.digest "$mnt/localhost/demo:damaged/manifest.json")"

# A layer that is gone. The other image has its own.
layer=$mnt/localhost/demo:whole/layers/00
gone=$(stored whole 00)
mv "$gone" "$work/gone"
fails_as 'No such file or directory' "$layer/diff"
grep -q 'did not keep what its tar consists of' <<<"$(problem "$(diff_of "$layer")")" ||
  fail "$(<"$problems")"
mv "$work/gone" "$gone"
eventually 30 cmp "$layer/diff" "$layer/blob" 2>/dev/null || fail 'it does not come back'

# A lock that podman holds for a minute: it is stopped while it stores a layer. The records have
# changed, so they are not known.
locked=$work/store/vfs/vfs-layers/layers.lock
# lock_holder: the process that has the layers locked for writing.
lock_holder() {
  awk -v inode="$(stat -c %i "$locked")" \
    '$2 == "POSIX" && $4 == "WRITE" && $6 ~ ":" inode "$" { print $5 }' /proc/locks
}
is_stopped() { ! grep -q '^State:[[:space:]]*[^T[:space:]]' /proc/"$1"/task/*/status; }
# stop_holder: podman is stopped, and has the lock. Sets `holder`.
stop_holder() {
  holder=$(lock_holder)
  [[ -n $holder && $(cat "/proc/$holder/comm" 2>/dev/null) == podman ]] || return 1
  kill -STOP "$holder"
  eventually 10 is_stopped "$holder" || fail 'podman does not stop'
  [[ $(lock_holder) != "$holder" ]] || return 0
  kill -CONT "$holder"
  return 1
}
head -c 256M /dev/zero >"$work/zeros"
tar -C "$work" -cf "$work/new.tar" zeros
rm "$work/zeros"
skopeo inspect --raw "$(in_store_name localhost/base:amd64)" >"$work/unread"
unread=sha256:$(sha256sum <"$work/unread" | cut -d ' ' -f 1)
in_store podman import --quiet "$work/new.tar" localhost/demo:new >>"$log" 2>&1 &
importer=$!
started "$importer"
until stop_holder; do is_running "$importer" || fail 'podman does not lock its store'; done
started "$holder"
minute_over=$((SECONDS + 60))
touch "$work/store/vfs/vfs-images/images.json" "$records"
for i in {1..20}; do
  stat "$mnt/_/images/sha256:$(printf '%064d' "$i")" >"$work/stat-$i" 2>&1 &
  askers[i]=$!
done
# Meanwhile what is known is read, though nobody has read it yet, and though others wait.
layer=$mnt/localhost/demo:whole/layers/01
expect_eq "sha256:$(sha256sum <"$layer/diff" | cut -d ' ' -f 1)" "$(diff_of "$layer")"
jq -e . "$problems" >/dev/null
# No one is told that there is no such image.
for i in {1..20}; do
  wait "${askers[i]}" && fail 'an image that nobody has is there'
  grep -q 'Connection timed out' "$work/stat-$i" || fail "$(<"$work/stat-$i")"
done
grep -q 'cannot read .*layers.json: another process has locked layers.lock' "$mnt/.digestfs/log" ||
  fail 'there are no words about the lock'
while ((SECONDS < minute_over)); do sleep 1; done
expect_eq "$(lock_holder)" "$holder" 'who has the lock after a minute'
cmp "$mnt/_/manifests/$unread" "$work/unread"
fails_as 'Connection timed out' "$mnt/_/manifests/sha256:$(printf '%064d' 0)"
kill -CONT "$holder"
wait "$importer" || fail 'podman did not go on'
# The image that podman stored is there.
eventually 30 test -e "$mnt/localhost/demo:new" || fail 'the new image does not come'
layer=$mnt/localhost/demo:new/layers/00
cmp "$layer/diff" "$work/new.tar"
# What failed is remembered for as long as it took.
is_absent() {
  ! stat "$1" >"$work/stat" 2>&1 && grep -q 'No such file or directory' "$work/stat"
}
eventually 30 is_absent "$mnt/_/images/sha256:$(printf '%064d' 1)" || fail "$(<"$work/stat")"
unmount
