#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# trees/<diff_id>/ is what the layer's tar says, by two witnesses: Python's tarfile reads it, and GNU
# tar unpacks it (as root, for owners and devices).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/images.inc"
. "$(dirname "$0")/trees.inc"

# The images of buildah, in every compression.
start_registry
push_images test/images
mount_source "$registry/test/images"
for tag in amd64 arm64 zstd plain docker; do
  for layer in "$mnt/tags/$tag/layers"/*; do
    diff_id=$(basename "$(readlink "$layer/diff")")
    same_tree "$diff_id" "$layer/diff"
    # The same files, and the same inodes, under the layer's number.
    diff <("${list[@]}" folder "$mnt/trees/$diff_id") <("${list[@]}" folder "$layer/tree")
    diff <(cd "$mnt/trees/$diff_id" && find . ! -type d -printf '%i %n %p\n' | sort) \
      <(cd "$layer/tree" && find . ! -type d -printf '%i %n %p\n' | sort)
  done
done
expect_eq "$(find "$mnt/trees/" -maxdepth 1 -name 'sha256:*' | wc -l)" \
  "$(for tag in amd64 arm64; do readlink "$mnt/tags/$tag"/layers/*/diff; done | sort -u | wc -l)" \
  'trees lists what was opened'
unmount

# Everything that a tar can hold, by every writer.
files=$work/files
mkdir -p "$files/dir/below" "$files/empty"
(
  cd "$files"
  echo content >file
  head -c 100000 /dev/urandom >dir/large
  ln file dir/hard
  ln -s ../file dir/soft
  ln -s /absolute/target dangling
  ln dangling dir/hard-of-a-link
  mkfifo dir/fifo
  mknod dir/null c 1 3
  mknod dir/block b 259 70000
  touch .wh.gone dir/.wh..wh..opq
  truncate -s 10M sparse
  printf 'in the middle' | dd of=sparse bs=1 seek=5000000 conv=notrunc status=none
  printf 'at the end' | dd of=sparse bs=1 seek=10485750 conv=notrunc status=none
  truncate -s 1M hole
  chmod 4755 file
  chmod 1777 empty
  chown 1000:65534 dir/large
  touch -d '2001-09-09 01:46:40.123456789 UTC' dir/large
  touch -d '1999-01-01 UTC' dir/below
)
sums=()
# pack NAME COMMAND…: makes a layer by that command, which writes to stdout.
pack() {
  local tar=$work/$1.tar
  shift
  "$@" >"$tar"
  sums+=("$(sha256sum "$tar" | cut -d ' ' -f 1) $tar")
}
all=(tar -C "$files" -c --sort=name)
# These know neither such large numbers nor fractions of seconds.
(cd "$files" && rm dir/block && touch -d '2001-09-09 01:46:40 UTC' dir/large)
pack v7 "${all[@]}" --format=v7 --exclude=./dir/fifo --exclude=./dir/null .
pack ustar "${all[@]}" --format=ustar .
(cd "$files" && mknod dir/block b 259 70000 && touch -d '1901-12-13 UTC' dir/below)
name=$(printf 'n%.0s' {1..200})
mkdir -p "$files/$name/$name"
echo long >"$files/$name/$name/$name"
ln -s "$name/$name/$name" "$files/to-long"
ln "$files/$name/$name/$name" "$files/$name/hard"
chown 3000000:3000000 "$files/dir/large"
pack oldgnu "${all[@]}" --format=oldgnu .
pack gnu "${all[@]}" --format=gnu .
pack gnu-sparse "${all[@]}" --format=gnu --sparse .
touch -d '1960-02-29 12:00:00.5 UTC' "$files/dir/below" "$files/dir/null"
touch -d '2001-09-09 01:46:40.123456789 UTC' "$files/dir/large"
setfattr -n user.comment -v 'with "quotes" and ü' "$files/file"
setfattr -n user.comment -v folder "$files/dir"
setfattr -n trusted.overlay.opaque -v y "$files/dir"
pack posix "${all[@]}" --format=posix --xattrs --xattrs-include='*' .
for version in 0.0 0.1 1.0; do
  pack "posix-sparse-$version" "${all[@]}" --format=posix --sparse --sparse-version=$version .
done
# shellcheck disable=SC2016
pack names sh -c 'cd "$1" && mkdir names && cd names &&
  touch "a b" "new
line" "$(printf "caf\351")" "back\\slash" "foo:bar" A a " " &&
  tar -c --format=gnu .' sh "$work"
pack python python3 - "$files" <<'PYTHON'
import io, sys, tarfile
out = io.BytesIO()
with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
    tar.add(sys.argv[1], "python")
    twice = tarfile.TarInfo("python/file")
    twice.size = 5
    tar.addfile(twice, io.BytesIO(b"again"))
    implied = tarfile.TarInfo("./implied/by/this")
    implied.mtime = -1.25
    tar.addfile(implied)
sys.stdout.buffer.write(out.getvalue())
PYTHON

# A layout with an image of each, the layers as they are.
layout=$work/layout
mkdir -p "$layout/blobs/sha256"
echo '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
python3 - "$layout" "${sums[@]}" <<'PYTHON'
import hashlib, json, os, shutil, sys
layout, entries = sys.argv[1], []
def put(data):
    name = hashlib.sha256(data).hexdigest()
    with open(f"{layout}/blobs/sha256/{name}", "wb") as blob:
        blob.write(data)
    return {"digest": "sha256:" + name, "size": len(data)}
def typed(kind, descriptor):
    return dict(descriptor, mediaType=f"application/vnd.oci.image.{kind}")
for line in sys.argv[2:]:
    sum, path = line.split(" ", 1)
    shutil.copy(path, f"{layout}/blobs/sha256/{sum}")
    layer = {"digest": "sha256:" + sum, "size": os.path.getsize(path)}
    config = put(json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {
        "type": "layers", "diff_ids": [layer["digest"]]}}).encode())
    manifest = put(json.dumps({"schemaVersion": 2, "config": typed("config.v1+json", config),
                               "layers": [typed("layer.v1.tar", layer)]}).encode())
    tag = os.path.basename(path).removesuffix(".tar")
    entries.append(dict(typed("manifest.v1+json", manifest),
                        annotations={"org.opencontainers.image.ref.name": tag}))
with open(f"{layout}/index.json", "w") as index:
    json.dump({"schemaVersion": 2, "manifests": entries}, index)
PYTHON
mount_source "oci:$layout"
for line in "${sums[@]}"; do
  tag=$(basename "${line#* }" .tar)
  ls "$mnt/tags/$tag/layers/00" >/dev/null
  same_tree "sha256:${line%% *}" "${line#* }"
done

# What a hole is, stat shows and SEEK_HOLE need not: the bytes are zeros (T14).
sparse=$mnt/tags/gnu-sparse/rootfs/sparse
cmp "$sparse" "$files/sparse"
(($(stat -c %b "$sparse") < 200)) || fail 'a sparse file takes its whole size'
expect_eq "$(stat -c '%s %b' "$mnt/tags/gnu-sparse/rootfs/hole")" '1048576 0'

expect_eq "$(jq -r .kind "$mnt/.digestfs/problems.jsonl" | sort -u | xargs)" bad-entry
expect_eq "$(jq -r .object "$mnt/.digestfs/problems.jsonl" | sed 's/.*sha256:[0-9a-f]*//' |
  sort -u | xargs)" '/./hole /./sparse /python/file' 'type S (TAR-7), and two of one name (PATH-5)'
unmount
