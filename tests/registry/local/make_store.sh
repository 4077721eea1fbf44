#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#     make_store.sh DIRECTORY DRIVER
#
# Has buildah, podman and skopeo fill a store in DIRECTORY/root, and writes to DIRECTORY/facts what
# they say of its images: a line `NAME MANIFEST CONFIG` each. Exits with 77 if that cannot be done
# on this machine.
set -euo pipefail
directory=$1 driver=$2
for program in buildah podman skopeo jq; do command -v "$program" >/dev/null || exit 77; done
at=(--storage-driver "$driver" --root "$directory/root" --runroot "$directory/run")
store="[$driver@$directory/root+$directory/run]"
cd "$directory"
buildah "${at[@]}" images >/dev/null 2>&1 || exit 77

# layout NAME TAR: an OCI layout of one image whose only layer is that tar, and it in the store.
layout() {
  local name=$1 tar=$2 diff config manifest blobs=layout-$1/blobs/sha256
  mkdir -p "$blobs"
  diff=$(sha256sum "$tar" | cut -d ' ' -f 1)
  cp "$tar" "$blobs/$diff"
  keep() {
    local hex
    hex=$(printf %s "$1" | sha256sum | cut -d ' ' -f 1)
    printf %s "$1" >"$blobs/$hex"
    echo "$hex"
  }
  config=$(jq -nc --arg d "sha256:$diff" \
    '{architecture: "amd64", os: "linux", config: {}, rootfs: {type: "layers", diff_ids: [$d]}}')
  manifest=$(jq -nc --arg c "sha256:$(keep "$config")" --arg l "sha256:$diff" \
    --argjson cs "${#config}" --argjson ls "$(stat -c %s "$tar")" \
    '{schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $c, size: $cs},
      layers: [{mediaType: "application/vnd.oci.image.layer.v1.tar", digest: $l, size: $ls}]}')
  echo '{"imageLayoutVersion":"1.0.0"}' >"layout-$name/oci-layout"
  jq -nc --arg m "sha256:$(keep "$manifest")" --argjson s "${#manifest}" \
    '{schemaVersion: 2, manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest: $m, size: $s}]}' >"layout-$name/index.json"
  skopeo copy -q "oci:layout-$name" "containers-storage:${store}localhost/demo:$name"
}

# Every kind of file.
mkdir kinds
(
  cd kinds
  deep=long/$(printf 'd%.0s' {1..120})/$(printf 'e%.0s' {1..120})
  mkdir -p "$deep" opaque
  echo x >"$deep/file"
  echo a >a
  ln a hard
  ln -s a symlink
  mkfifo fifo
  printf n >$'odd\xffname'
  head -c 300000 /dev/urandom >big
  : >.wh.gone
  : >opaque/.wh..wh..opq
  echo y >"new
line"
  if ((EUID == 0)); then
    mknod device c 1 3
    setfattr -n user.x -v y a 2>/dev/null || true
  fi
)
tar --xattrs --format=pax -C kinds -cf pax.tar .
tar --format=gnu -C kinds -cf gnu.tar .
layout pax pax.tar
layout gnu gnu.tar
truncate -s 3M hole
echo end >>hole
tar --format=gnu -S -cf sparse.tar hole
# Whether the store takes a sparse file, and gives its tar back, is skopeo's word.
if ! layout sparse sparse.tar; then
  echo absent >sparse
elif skopeo copy -q "containers-storage:${store}localhost/demo:sparse" dir:sparse-out; then
  echo good >sparse
else
  echo bad >sparse
fi

# What buildah makes: two layers, the upper of which takes something away; a list.
container=$(buildah "${at[@]}" from scratch)
buildah "${at[@]}" add -q "$container" kinds / >/dev/null
buildah "${at[@]}" commit -q "$container" localhost/demo:base >/dev/null
buildah "${at[@]}" rm "$container" >/dev/null
container=$(buildah "${at[@]}" from localhost/demo:base)
rm "$(buildah "${at[@]}" mount "$container")/big"
echo top >top
buildah "${at[@]}" add -q "$container" top /top >/dev/null
buildah "${at[@]}" umount "$container" >/dev/null
buildah "${at[@]}" commit -q --format docker "$container" localhost/demo:top >/dev/null
buildah "${at[@]}" rm "$container" >/dev/null
# Pulled layers are compressed in the manifest; and what has no name any more.
skopeo copy -q --dest-compress "containers-storage:${store}localhost/demo:top" dir:packed
skopeo copy -q dir:packed "containers-storage:${store}localhost/demo:packed"
podman "${at[@]}" manifest create localhost/list:l "containers-storage:${store}localhost/demo:top" \
  >/dev/null 2>&1 || podman "${at[@]}" manifest create localhost/list:l >/dev/null

for name in localhost/demo:{pax,gnu,base,top,packed} localhost/list:l; do
  raw=$(skopeo inspect --raw "containers-storage:$store$name" | sha256sum | cut -d ' ' -f 1)
  config=-
  if [[ $name != */list:* ]]; then
    config=sha256:$(skopeo inspect --config --raw "containers-storage:$store$name" | sha256sum |
      cut -d ' ' -f 1)
  fi
  echo "$name sha256:$raw $config"
done >facts
