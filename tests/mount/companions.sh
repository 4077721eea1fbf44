#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The companions on real mounts: the bundled example, and images that buildah and podman made, as an
# image layout with plain layers and as they were pushed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/images.inc"

programs=$(dirname "$DIGESTFS")
images() { "$programs/digestfs-images" "$@"; }
graph() { "$programs/digestfs-graph" "$@"; }
compare() { "$programs/digestfs-compare" "$@"; }
check() { "$programs/digestfs-check" "$@"; }
cache_tool() { "$programs/digestfs-cache" --cache-dir "$cache" "$@"; }
digest_at() { basename "$(readlink "$1/manifest.json")"; }
id_at() { basename "$(readlink "$1/config.json")"; }

# expect_line TEXT FILE
expect_line() { grep -qF -- "$1" "$2" || fail "there is no '$1' in: $(<"$2")"; }

# --- the example ----------------------------------------------------------------------------------

require jq
mount_source "oci:$SOURCE_DIR/examples/multi-arch"
tags=$mnt/tags
empty_layer=sha256:bd9ddc54bea929a22b334e73e026d4136e5b73f5cc29942896c72e4ece69b13d

images "$mnt" >"$work/table"
expect_eq "$(wc -l <"$work/table")" 5
expect_eq "$(awk '$2 == "demo-aarch64" { print $3, $4, $5, $NF }' "$work/table")" \
  "linux/arm64 $(digest_at "$tags/demo-aarch64") $(id_at "$tags/demo-aarch64") ?"
cat "$tags"/demo-x86_64/layers/*/diff >"$work/diffs"
expect_eq "$(images --json --tag demo-x86_64 "$mnt" | jq '.images[].uncompressed')" \
  "$(stat -c %s "$work/diffs")" 'the uncompressed size, once the diffs are known'
expect_eq "$(images --json --stream --platform linux/arm64 "$mnt" | jq -r .tag)" $'demo\ndemo-aarch64'

expect_status 1 compare "$tags/demo-x86_64" "$tags/demo-aarch64" >"$work/compared"
expect_line 'A is for linux/amd64, B for linux/arm64.' "$work/compared"
expect_eq "$(grep -cE "$empty_layer +34 B +=" "$work/compared")" 1 'the 34-byte layer is shared'
expect_status 0 compare "$tags/demo/platforms/linux_amd64" "$tags/demo-x86_64" >"$work/compared"
expect_eq "$(head -n 1 "$work/compared")" 'A and B are the same manifest.'
expect_status 1 compare --json --files "$tags/demo-x86_64" "$tags/demo-aarch64" >"$work/compared"
expect_eq "$(jq -r '.files[] | "\(.path) \(.layerB)"' "$work/compared")" \
  $'/etc/os-release 00\n/usr/lib/machine 00'

expect_status 0 check --platform linux/amd64 --platform linux/arm64 "$tags/demo" >"$work/checked"
expect_eq "$(grep -c '^sound' "$work/checked")" 3
expect_status 1 check --shallow --platform linux/s390x "$tags/demo" >"$work/checked"
expect_line 'there is no image for linux/s390x, only for linux/amd64, linux/arm64' "$work/checked"

graph "$tags/demo" >"$work/tree"
expect_eq "$(grep -c "$empty_layer" "$work/tree")" 2
expect_eq "$(grep -c "$empty_layer.*(above)" "$work/tree")" 1
# Each box leads to a file, from the directory beside the mount.
graph --dot "$tags/demo" | grep -oP 'URL="\K[^"]+' >"$work/links"
expect_eq "$(wc -l <"$work/links")" 13
(cd "$work" && xargs stat -L -- <"$work/links" >/dev/null) || fail 'a link leads nowhere'
if command -v dot >/dev/null; then
  graph --svg "$tags/demo" >"$work/demo.svg"
  expect_line "xlink:href=\"mnt/indexes/$(digest_at "$tags/demo")\"" "$work/demo.svg"
fi
expect_status 2 env PATH=/nowhere "$programs/digestfs-graph" --svg "$tags/demo" 2>"$work/why"
expect_line 'apt install graphviz' "$work/why"

# --- what cannot be answered ----------------------------------------------------------------------

expect_status 2 images "$work" 2>"$work/why"
expect_line "$work is no mount of digestfs" "$work/why"
expect_status 2 compare "$work" "$tags/demo" 2>"$work/why"
expect_line "$work is no image directory" "$work/why"
expect_status 2 check "$mnt" >"$work/why"
expect_line "name one of its tags: $tags/demo, " "$work/why"
expect_status 2 compare --files "$tags/demo" "$tags/demo-x86_64" 2>"$work/why"
expect_line "is an index and not an image; name one of its platforms: $tags/demo/platforms/linux_amd64, " \
  "$work/why"
for program in images graph compare check cache; do
  expect_status 2 "$programs/digestfs-$program" --nothing 2>"$work/why"
  expect_line "Try 'digestfs-$program --help'" "$work/why"
  expect_status 2 "$programs/digestfs-$program" --help >/dev/full 2>"$work/why"
  expect_line 'cannot write' "$work/why"
done
# A reader that has seen enough.
for command in "images --stream $mnt" "graph $tags/demo" "check $tags/demo"; do
  # shellcheck disable=SC2086 # words
  { $command || echo "$?" >"$work/status"; } 2>"$work/why" | head -n 0
  expect_eq "$(<"$work/why")" '' "$command with a closed pipe"
done

# --- the cache ------------------------------------------------------------------------------------

await_names "$cache"
expect_eq "$(cache_tool list --json | jq '.objects | length')" 13
expect_eq "$(cache_tool path "$empty_layer")" "$cache/blobs/${empty_layer/://}"
expect_status 0 cache_tool verify >/dev/null
# Beside the daemon, which goes on.
status=0
cache_tool prune --keep-size 0 >"$work/pruned" || status=$?
expect_eq "$(grep -cE '^(removed|in use): ' "$work/pruned")" 13 'every object is removed or in use'
expect_eq "$status" "$(if grep -q '^in use: ' "$work/pruned"; then echo 1; else echo 0; fi)"
expect_status 0 check "$tags/demo-x86_64" >/dev/null
await_names "$cache"
chmod u+w "$cache/blobs/${empty_layer/://}"
echo damaged >"$cache/blobs/${empty_layer/://}"
expect_status 1 cache_tool verify >"$work/verified"
expect_line "removed: $empty_layer in blobs/" "$work/verified"
expect_status 1 cache_tool path "$empty_layer" 2>"$work/why"
expect_line 'is not in the cache' "$work/why"
expect_status 2 "$programs/digestfs-cache" --cache-dir "$SOURCE_DIR/examples/multi-arch" \
  prune --keep-size 0 2>"$work/why"
expect_line 'has no CACHEDIR.TAG' "$work/why"
expect_status 2 images "$tags/demo" 2>"$work/why"
expect_line "$tags/demo is inside of the repository $mnt" "$work/why"
expect_status 2 images "$tags/demo-x86_64/rootfs/usr" 2>"$work/why"
expect_line "is inside of the repository $mnt" "$work/why"
unmount

# --- a mount whose daemon is gone -----------------------------------------------------------------

mount_source "oci:$SOURCE_DIR/examples/multi-arch"
kill -KILL "$(daemon_pid)"
wait "$(daemon_pid)" 2>/dev/null || true
expect_status 2 check "$tags/demo" >"$work/why"
expect_line 'the digestfs of this mount has ended' "$work/why"
expect_status 2 images "$mnt" 2>"$work/why"
expect_line 'the digestfs of this mount has ended' "$work/why"
fusermount3 -u "$mnt"
unset "daemons[$mnt]"

# --- images of other tools ------------------------------------------------------------------------

start_registry
push_images test/images
mount_source "$registry/test/images"
images "$mnt" >"$work/table"
# row TAG PLATFORM: the digest and the image ID.
row() { awk -v tag="$1" -v platform="$2" '$2 == tag && $3 == platform { print $4, $5 }' "$work/table"; }
for tag in multi docker-list; do
  for arch in amd64 arm64; do
    raw=$(skopeo inspect --raw --tls-verify=false "docker://$registry/test/images:$tag" |
      jq -r --arg arch "$arch" '.manifests[] | select(.platform.architecture == $arch).digest')
    expect_eq "$(row "$tag" "linux/$arch")" \
      "$raw $(skopeo inspect --raw --tls-verify=false "docker://$registry/test/images@$raw" |
        jq -r .config.digest)" "the row of $tag for $arch"
  done
done
# A storage of its own: podman shows one digest of an image that it knows from several manifests.
fresh_podman() {
  podman --root "$work/fresh/root" --runroot "$work/fresh/run" --storage-driver vfs "$@"
}
fresh_podman pull --quiet --tls-verify=false "$registry/test/images:docker" >/dev/null
expect_eq "$(row docker linux/amd64)" \
  "$(fresh_podman images --digests --no-trunc --format '{{.Digest}} {{.ID}}')" \
  'what podman says of its image'

expect_status 1 compare "$tags/amd64" "$tags/arm64" >"$work/compared"
expect_eq "$(grep -cE ' sha256:[0-9a-f]{64} .* = ' "$work/compared")" 1 'a layer is shared'
expect_status 1 compare "$tags/plain" "$tags/amd64" >"$work/compared"
expect_line 'A and B are the same image, compressed otherwise: 2 of 2 layers are stored in another blob.' \
  "$work/compared"
expect_status 0 check "$tags/plain" "$tags/zstd" "$tags/docker-list" >/dev/null

# The same of two mounts: a layout with plain layers, and what was pushed.
mkdir "$work/plain-layout"
skopeo copy --quiet --src-tls-verify=false --preserve-digests \
  "docker://$registry/test/images:plain" "oci:$work/plain-layout:v1"
mount_at "$work/layout" "oci:$work/plain-layout"
expect_status 1 compare "$work/layout/tags/v1" "$tags/zstd" >"$work/compared"
expect_line 'A and B are the same image, compressed otherwise' "$work/compared"
expect_eq "$(grep -cE 'sha256:.* ~ .*sha256:' "$work/compared")" 2 'the pairs of layers'
unmount "$work/layout"

# The objects are all as their names say, but a blob is not that of the diff it is paired with, or an
# image not for the platform that its index says.
cp -r "$work/plain-layout" "$work/lying-layout"
# add_to_layout FILE: puts the file into the layout; prints its digest.
add_to_layout() {
  local hex
  hex=$(sha256sum <"$1" | cut -d ' ' -f 1)
  cp "$1" "$work/lying-layout/blobs/sha256/$hex"
  echo "sha256:$hex"
}
image=$(jq -r '.manifests[0].digest' "$work/plain-layout/index.json")
config=$(jq -r '.config.digest' "$work/plain-layout/blobs/${image/://}")
jq -c '.rootfs.diff_ids |= reverse' "$work/plain-layout/blobs/${config/://}" >"$work/lying-config"
jq -c --arg digest "$(add_to_layout "$work/lying-config")" --argjson size "$(stat -c %s "$work/lying-config")" \
  '.config.digest = $digest | .config.size = $size' "$work/plain-layout/blobs/${image/://}" >"$work/swapped"
jq -c '.manifests[0] | {schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [
    {mediaType, digest, size, platform: {os: "linux", architecture: "amd64"}},
    {mediaType, digest, size, platform: {os: "linux", architecture: "arm64"}}]}' \
  "$work/plain-layout/index.json" >"$work/twice"
jq -c --arg swapped "$(add_to_layout "$work/swapped")" --argjson swapped_size "$(stat -c %s "$work/swapped")" \
  --arg twice "$(add_to_layout "$work/twice")" --argjson twice_size "$(stat -c %s "$work/twice")" \
  '.manifests += [{mediaType: .manifests[0].mediaType, digest: $swapped, size: $swapped_size,
      annotations: {"org.opencontainers.image.ref.name": "swapped"}},
    {mediaType: "application/vnd.oci.image.index.v1+json", digest: $twice, size: $twice_size,
      annotations: {"org.opencontainers.image.ref.name": "twice"}}]' \
  "$work/plain-layout/index.json" >"$work/lying-layout/index.json"
mount_at "$work/lying" "oci:$work/lying-layout"
expect_status 0 check "$work/lying/tags/v1" >/dev/null
expect_status 1 check "$work/lying/tags/swapped" >"$work/checked"
expect_line 'it decompresses to ' "$work/checked"
expect_status 1 check "$work/lying/tags/twice" >"$work/checked"
expect_line 'the index says that it is for linux/arm64, but its config says linux/amd64' "$work/checked"
unmount "$work/lying"

# One tag fails among good ones: its row says why.
expect_errors
unmount
rm -rf "$cache"
mkdir "$work/broken"
jq '.config.digest = "sha256:" + ("0" * 64)' \
  <(skopeo inspect --raw --tls-verify=false "docker://$registry/test/images:zstd") >"$work/broken/manifest"
cp -r "$work/plain-layout/." "$work/broken-layout"
broken=$(sha256sum <"$work/broken/manifest" | cut -d ' ' -f 1)
cp "$work/broken/manifest" "$work/broken-layout/blobs/sha256/$broken"
jq --arg digest "sha256:$broken" --argjson size "$(stat -c %s "$work/broken/manifest")" \
  '.manifests += [{mediaType: .manifests[0].mediaType, $digest, $size,
    annotations: {"org.opencontainers.image.ref.name": "broken"}}]' \
  "$work/plain-layout/index.json" >"$work/broken-layout/index.json"
mount_source "oci:$work/broken-layout"
expect_status 1 images "$mnt" >"$work/table"
expect_eq "$(awk '$2 == "v1" { print $3 }' "$work/table")" linux/amd64 'the good tag'
grep -qE '^oci:[^ ]+ +broken .*error: cannot ' "$work/table" || fail "no row says why: $(<"$work/table")"
expect_status 1 check "$tags/broken" >"$work/checked"
expect_line 'NOT SOUND' "$work/checked"
unmount
