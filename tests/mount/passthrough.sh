#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# FUSE passthrough: once an object was verified, the kernel reads it from the cache by itself. The
# bytes are right with it and without it; while, before and after a cached file is damaged; and when
# the cache evicts a file that is open. Where it is not allowed, the daemon serves the bytes.
. "$(dirname "$0")/own_namespace.inc"
. "$(dirname "$0")/lib.sh"

require python3 getfattr jq umoci
{ : <>/dev/fuse; } 2>/dev/null || skip '/dev/fuse cannot be used here'

# A layer that takes many requests to read.
mkdir "$work/content"
head -c 3000000 /dev/urandom >"$work/content/noise"
umoci init --layout "$work/layout"
umoci new --image "$work/layout:v1"
umoci insert --rootless --image "$work/layout:v1" "$work/content" /content 2>/dev/null
source=oci:$work/layout

digest() { echo "sha256:$(sha256sum | cut -d ' ' -f 1)"; }
state() { getfattr --only-values -n user.digestfs.state "$1" 2>/dev/null; }
# status MEMBER: of .digestfs/status.json.
status() { jq -r ".$1" "$mnt/.digestfs/status.json"; }
cached() { echo "$cache/$1/sha256/${2#sha256:}"; }
# The daemon's -d logs each request, by a thread of its own: a statfs is the last that it knows of.
statfs_logged() { (($(grep -c 'opcode: STATFS (' "$log") > $1)); }
settle_log() {
  local before
  before=$(grep -c 'opcode: STATFS (' "$log" || true)
  stat --file-system "$mnt" >/dev/null
  eventually 30 statfs_logged "$before" || fail 'the daemon logs no requests'
}
# reads: the READ requests since forget_reads.
reads() {
  settle_log
  tail -n "+$((reads_before + 1))" "$log" | grep -c 'opcode: READ (' || true
}
forget_reads() {
  settle_log
  reads_before=$(wc -l <"$log")
}
# closed FILE: the daemon hears of a close a moment after it.
is_closed() { [[ $(state "$1") == verified ]]; }
closed() { eventually 30 is_closed "$1" || fail "$1 is still open"; }
# open_by_itself FILE: as descriptor 3. The kernel asks for an object until it is on the disk and
# every open from before that has ended, which the daemon hears of a moment later.
opens_by_itself() {
  exec 3<"$1"
  [[ $(state "$1") == 'verified passthrough' ]] || { exec 3<&- && false; }
}
open_by_itself() { eventually 30 opens_by_itself "$1" || fail "$1 is $(state "$1")"; }
# decided: whether the kernel reads by itself is known once an object is opened that is on the disk.
is_decided() {
  head -c 1 "$blob" >/dev/null
  [[ $(status passthrough_obstacle) != 'no process'* ]]
}
decided() { eventually 30 is_decided || fail "$(status passthrough_obstacle)"; }

# find_objects: sets manifest, blob, diff and big, the paths of some objects.
find_objects() {
  ls "$mnt/tags/v1/layers" >/dev/null
  manifest=$(readlink -f "$mnt/tags/v1/manifest.json")
  blob=$(readlink -f "$mnt/tags/v1/layers/00/blob")
  diff=$(readlink -f "$mnt/tags/v1/layers/00/diff")
}
check_bytes() {
  local file
  for file in "$manifest" "$blob" "$diff"; do
    expect_eq "$(digest <"$file")" "$(basename "$file")" "${1-the bytes}"
  done
}

# Root of a user namespace may mount, but may not let the kernel read by itself.
if [[ ${PASSTHROUGH_SCENE-} == unprivileged ]]; then
  mount_source "$source" -d
  find_objects
  check_bytes 'the bytes without the privilege'
  decided
  expect_eq "$(status passthrough)" false
  if [[ $PASSTHROUGH_OFFERED == yes ]]; then
    [[ $(status passthrough_obstacle) == *root* ]] || fail "$(status passthrough_obstacle)"
    expect_eq "$(grep -c 'info: the daemon reads the cache for the kernel' "$log")" 1 'lines of the log'
  fi
  unmount
  exit
fi

# Told not to.
mount_source "$source" -d --no-passthrough
find_objects
forget_reads
check_bytes 'the bytes with --no-passthrough'
[[ $(reads) -ge 6 ]] || fail "only $(reads) READ requests"
expect_eq "$(status 'passthrough, .passthrough_obstacle')" $'false\n--no-passthrough was given'
exec 3<"$blob"
expect_eq "$(state "$blob")" verified
exec 3<&-
# The kernel keeps its pages of what cannot change. It may take some for others at any time, and asks
# for those again; if an open made it drop them, it would ask each time.
is_kept() {
  forget_reads
  check_bytes
  [[ $(reads) == 0 ]]
}
eventually 30 is_kept || fail 'what was read before is asked for each time'
unmount

mount_source "$source" -d
find_objects
check_bytes
decided
offered=yes
if [[ $(status passthrough) != true ]]; then
  obstacle=$(status passthrough_obstacle)
  [[ $obstacle == *offer* ]] && offered=no
fi

if unshare --user --map-root-user --mount true 2>/dev/null; then
  PASSTHROUGH_SCENE=unprivileged PASSTHROUGH_OFFERED=$offered TMPDIR=$work \
    unshare --user --map-root-user --mount "$0"
fi
[[ -z ${obstacle-} ]] || skip "no passthrough: $obstacle"

# The kernel asks for nothing that is on the disk.
for file in "$manifest" "$blob" "$diff"; do
  open_by_itself "$file"
  exec 3<&-
  closed "$file"
done
forget_reads
check_bytes
expect_eq "$(reads)" 0 'READ requests'
forget_reads
cp "$blob" "$work/copy" && cmp "$work/copy" "$blob"
python3 - "$diff" <<'PYTHON'
import hashlib, mmap, os, sys
with open(sys.argv[1], "rb") as file:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert "sha256:" + hashlib.sha256(mapped).hexdigest() == os.path.basename(sys.argv[1])
    assert os.pread(file.fileno(), 10, os.fstat(file.fileno()).st_size - 3).__len__() == 3
PYTHON
expect_eq "$(reads)" 0 'READ requests of cp, cmp and mmap'
# But for the files of a tree, which are parts of a diff.
cmp "$mnt/tags/v1/rootfs/content/noise" "$work/content/noise"
[[ $(reads) -gt 0 ]] || fail 'a file of a tree was not asked for'

# However often it is open, by whatever name, it says so until the last close.
twin=$mnt/oci/blobs/sha256/${blob##*:}
expect_eq "$(stat -c %i "$twin")" "$(stat -c %i "$blob")" 'the inodes of one content'
closed "$blob"
forget_reads
open_by_itself "$blob"
exec 4<"$twin"
for _ in {1..30}; do
  digest <"$blob" &
  digest <"$twin" &
done >"$work/digests"
for job in $(jobs -p); do [[ $job == "$watchdog" || $job == "$(daemon_pid)" ]] || wait "$job"; done
expect_eq "$(sort "$work/digests" | uniq -c | xargs)" "60 $(basename "$blob")" '60 readers at once'
exec 3<&-
expect_eq "$(state "$blob")" 'verified passthrough'
expect_eq "$(digest <&4)" "$(basename "$blob")"
expect_eq "$(reads)" 0 'READ requests of many readers'
exec 4<&-
closed "$blob"

# damage FILE: as a broken disk or a careless user does.
damage() {
  chmod u+w "$1"
  printf damage | dd of="$1" bs=1 seek=1000 conv=notrunc status=none
}
forget_problems() { problems_before=$(wc -l <"$mnt/.digestfs/problems.jsonl"); }
problems() { tail -n "+$((problems_before + 1))" "$mnt/.digestfs/problems.jsonl" | jq -r .kind; }

# A file that was only touched is hashed again, and stays what the kernel reads.
open_by_itself "$diff"
touch "$(cached diffs "$(basename "$diff")")"
expect_eq "$(digest <"$diff")" "$(basename "$diff")" 'a file that was touched'
expect_eq "$(state "$diff")" 'verified passthrough'
exec 3<&-
closed "$diff"

# A file that is damaged while it is open: who opens it anew reads right bytes, and none of them
# are from the old file, by whatever name and means.
for file in "$blob" "$diff"; do
  forget_problems
  open_by_itself "$file"
  head -c 100000 "$file" >/dev/null
  damage "$(cached "$(basename "$(dirname "$file")")" "$(basename "$file")")"
  for round in first second; do
    # Never from the mapping, or the splice, of what is open.
    python3 - "$file" <<'PYTHON'
import hashlib, mmap, os, sys
name = os.path.basename(sys.argv[1])
with open(sys.argv[1], "rb") as file:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert "sha256:" + hashlib.sha256(mapped).hexdigest() == name, "mapped"
PYTHON
    cat "$file" >"$work/piped"
    expect_eq "$(digest <"$work/piped")" "$(basename "$file")" "the $round cat after the damage"
    expect_eq "$(digest <"$file")" "$(basename "$file")" "the $round open after the damage"
  done
  expect_eq "$(problems)" cache-damaged
  expect_eq "$(stat -c %s "$file")" "$(wc -c <"$file")"
  if [[ $file == "$blob" ]]; then
    expect_eq "$(digest <"$twin")" "$(basename "$blob")" 'its other name after the damage'
  fi
  exec 3<&-
  closed "$file"
  forget_reads
  open_by_itself "$file"
  expect_eq "$(digest <&3)" "$(basename "$file")" 'after the last close'
  expect_eq "$(reads)" 0 'READ requests after the last close'
  exec 3<&-
  closed "$file"
  # Damaged while nobody has it open.
  damage "$(cached "$(basename "$(dirname "$file")")" "$(basename "$file")")"
  expect_eq "$(digest <"$file")" "$(basename "$file")" 'damaged while closed'
done

# prune: evicts all that is not in use; that something stays is its status.
prune() { "$DIGESTFS-cache" prune --cache-dir "$cache" --keep-size 0 >/dev/null || true; }

# A file that is open is in use: no eviction takes it, and who has it reads on whatever happens.
closed "$blob"
open_by_itself "$blob"
prune
[[ -e $(cached blobs "$(basename "$blob")") ]] || fail 'an open file was evicted'
rm "$(cached blobs "$(basename "$blob")")"
expect_eq "$(digest <&3)" "$(basename "$blob")" 'a file that was removed while it is open'
expect_eq "$(digest <"$blob")" "$(basename "$blob")" 'the same, opened anew'
exec 3<&-
is_remote() { [[ $(state "$blob") == remote ]]; }
eventually 30 is_remote || fail 'a file that was removed is still open'
expect_eq "$(digest <"$blob")" "$(basename "$blob")" 'fetched anew'
closed "$blob"
is_evicted() { prune && [[ ! -e $(cached blobs "$(basename "$blob")") ]]; }
eventually 30 is_evicted || fail 'a closed file stays in the cache'
unmount

# A later mount reads the files of trees block by block, and has hashed no tar. The kernel does not
# read such a tar by itself before it was hashed whole, though it is open and its block was right.
mount_source "$source" -d
find_objects
check_bytes
cmp "$mnt/tags/v1/rootfs/content/noise" "$work/content/noise"
unmount
damage "$(cached diffs "$(basename "$diff")")" # far from the file's last block
mount_source "$source" -d
find_objects
exec 3<"$mnt/tags/v1/rootfs/content/noise"
expect_eq "$(tail -c 1000 <&3 | digest)" "$(tail -c 1000 "$work/content/noise" | digest)" 'a sound block'
expect_eq "$(digest <"$diff")" "$(basename "$diff")" 'a tar that was open for its blocks'
exec 3<&-
open_by_itself "$diff"
exec 3<&-
unmount

# Where the cache is matters: a tmpfs will do, an overlay will not.
if [[ -n ${DIGESTFS_IN_NAMESPACE-} ]]; then
  mkdir "$work/tmpfs"
  mount -t tmpfs tmpfs "$work/tmpfs"
  mkdir "$work/tmpfs"/{lower,upper,work,merged}
  for cache in "$work/tmpfs/cache" "$work/tmpfs/merged/cache"; do
    if [[ $cache == */merged/* ]]; then
      mount -t overlay overlay "$work/tmpfs/merged" 2>/dev/null \
        -o "lowerdir=$work/tmpfs/lower,upperdir=$work/tmpfs/upper,workdir=$work/tmpfs/work" || break
    fi
    mount_source "$source" -d
    find_objects
    check_bytes "the bytes of a cache in $cache"
    decided
    if [[ $cache == */merged/* ]]; then
      [[ $(status passthrough_obstacle) == *stacked* ]] || fail "$(status passthrough_obstacle)"
    else
      expect_eq "$(status passthrough)" true
    fi
    unmount
  done
  umount --lazy "$work/tmpfs"
fi
