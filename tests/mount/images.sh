#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The images that the mount tests push are what images.inc says they are: an oracle must not be
# taken on trust either.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/images.inc"

require zstd
start_registry
push_images test/images
from=docker://$registry/test/images

raw() { skopeo inspect --raw --tls-verify=false "$from:$1"; }
media_type() { raw "$1" | jq -r .mediaType; }
layer_types() { raw "$1" | jq -r '.layers[].mediaType' | sort | uniq -c | xargs; }
platforms() { raw "$1" | jq -r '.manifests[].platform | "\(.os)/\(.architecture)"' | sort | xargs; }
diff_ids() {
  skopeo inspect --config --raw --tls-verify=false "$from:$1" | jq -r '.rootfs.diff_ids[]'
}

# magic TAG: the first four bytes of its layers.
magic() {
  local digest
  for digest in $(raw "$1" | jq -r '.layers[].digest'); do
    curl -fsS -r 0-3 "http://$registry/v2/test/images/blobs/$digest" | od -An -tx1
  done | sort | uniq -c | xargs
}

# unpacked COMMAND…: the digests of the layers of tag $tag after that decompression.
unpacked() {
  local digest
  for digest in $(raw "$tag" | jq -r '.layers[].digest'); do
    echo "sha256:$(curl -fsS "http://$registry/v2/test/images/blobs/$digest" | "$@" | sha256sum |
      cut -d ' ' -f 1)"
  done
}

tags=$(skopeo list-tags --tls-verify=false "$from" | jq -r '.Tags[]' | sort | xargs)
expect_eq "$tags" 'amd64 arm64 docker docker-list multi plain zstd' tags

oci=application/vnd.oci.image docker=application/vnd.docker
expect_eq "$(media_type multi)" $oci.index.v1+json
expect_eq "$(media_type docker-list)" $docker.distribution.manifest.list.v2+json
for tag in multi docker-list; do
  expect_eq "$(platforms $tag)" 'linux/amd64 linux/arm64' "platforms of $tag"
done
for tag in amd64 arm64 zstd plain; do
  expect_eq "$(media_type $tag)" $oci.manifest.v1+json "media type of $tag"
done
expect_eq "$(media_type docker)" $docker.distribution.manifest.v2+json

for tag in amd64 arm64; do expect_eq "$(layer_types $tag)" "2 $oci.layer.v1.tar+gzip"; done
expect_eq "$(layer_types zstd)" "2 $oci.layer.v1.tar+zstd"
expect_eq "$(layer_types plain)" "2 $oci.layer.v1.tar"
expect_eq "$(layer_types docker)" "2 $docker.image.rootfs.diff.tar.gzip"

for tag in amd64 arm64 docker; do
  expect_eq "$(magic $tag)" '2 1f 8b 08 00' "magic of $tag"
  expect_eq "$(unpacked gzip -dc)" "$(diff_ids $tag)" "layers of $tag"
done
tag=zstd
expect_eq "$(magic zstd)" '2 28 b5 2f fd'
expect_eq "$(unpacked zstd -dc)" "$(diff_ids zstd)" "layers of zstd"
tag=plain
expect_eq "$(unpacked cat)" "$(diff_ids plain)" "layers of plain"

# One image in five forms.
for tag in zstd plain docker; do
  expect_eq "$(diff_ids $tag)" "$(diff_ids amd64)" "diff_ids of $tag"
done
for arch in amd64 arm64; do
  digest=$(raw multi | jq -r ".manifests[] | select(.platform.architecture == \"$arch\").digest")
  expect_eq "sha256:$(raw $arch | sha256sum | cut -d ' ' -f 1)" "$digest" "manifest of $arch"
done

# And the counting of requests, on which other tests lean.
forget_requests
expect_eq "$(requests 'GET /v2/')" 0 'requests before any'
curl -fsS -o /dev/null "http://$registry/v2/test/images/tags/list"
raw amd64 >/dev/null
expect_eq "$(requests 'GET /v2/[^ ]*/tags/list')" 1 'lists'
expect_eq "$(requests 'GET /v2/[^ ]*/manifests/')" 1 'manifests'
expect_eq "$(requests 'GET /v2/[^ ]*/blobs/')" 0 'blobs'

stop_registry
start_registry
expect_eq "$(media_type docker)" $docker.distribution.manifest.v2+json
