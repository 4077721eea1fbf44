#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A store whose images were made in all the ways there are: the mount shows of each what skopeo and
# podman say of it, and digestfs-images makes the same table of the mount as podman makes. No artifact
# is among them: podman 4 has no `podman artifact`, and podman 5 keeps artifacts beside the store, in
# an OCI layout.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/stores.inc"

require skopeo buildah podman jq
use_store overlay vfs
start_registry
make_base_files
pushed=docker://$registry/test
tls=--tls-verify=false
podman() { in_store podman "$@"; }
buildah() { in_store buildah "$@"; }

# --- the images -----------------------------------------------------------------------------------

make_images() {
  local container content digest
  # buildah: one layer, an empty one, several, all in one, history without layers, images in between
  container=$(buildah from scratch)
  buildah commit --quiet "$container" localhost/by-buildah:empty
  buildah copy --quiet "$container" "$work/context/program" /
  buildah commit --quiet "$container" localhost/by-buildah:scratch
  buildah config --env A=B --label 'a.b="c"' --annotation d=e "$container"
  buildah commit --quiet "$container" localhost/by-buildah:annotated
  buildah config --os windows --arch arm --variant v7 "$container"
  buildah commit --quiet --format docker "$container" localhost/by-buildah:docker
  buildah rm "$container"
  build_image amd64 localhost/by-buildah:layers
  build_image arm64 localhost/by-buildah:arm64 --format docker
  build_image amd64 localhost/by-buildah:squashed --squash
  build_image amd64 localhost/by-buildah:cached --layers --no-cache --label "$(seq 10)"

  # pulled: schema 2, gzip, zstd, by a digest, from a list, and with nothing of it in the store before
  buildah push --quiet $tls --format v2s2 localhost/by-buildah:layers "$pushed/schema2:v1"
  buildah push --quiet $tls localhost/by-buildah:scratch "$pushed/gzip:v1"
  skopeo copy --quiet --dest-compress --dest-compress-format zstd \
    "$(in_store_name localhost/by-buildah:scratch)" "oci:$work/zstd"
  skopeo copy --quiet --preserve-digests --dest-tls-verify=false "oci:$work/zstd" "$pushed/zstd:v1"
  digest=$(skopeo inspect --raw $tls "$pushed/gzip:v1" | sha256sum | cut -d ' ' -f 1)
  podman pull --quiet $tls "$registry/test/schema2:v1"
  podman pull --quiet $tls "$registry/test/gzip:v1"
  podman pull --quiet $tls "$registry/test/zstd:v1"
  podman pull --quiet $tls "$registry/test/gzip@sha256:$digest"
  build_image arm64 localhost/by-buildah:later --label later=yes
  buildah push --quiet $tls --format v2s2 localhost/by-buildah:later "$pushed/later:v1"
  podman rmi localhost/by-buildah:later
  podman pull --quiet $tls "$registry/test/later:v1"

  # podman: imported, committed, saved and loaded
  tar -C "$work/context/program" -c . | podman import --quiet - localhost/by-podman:imported
  container=$(podman create localhost/by-buildah:layers)
  podman commit --quiet "$container" localhost/by-podman:committed
  podman rm "$container"
  podman save --quiet --output "$work/docker.tar" localhost/by-podman:imported
  podman save --quiet --format oci-archive --output "$work/oci.tar" localhost/by-podman:committed
  podman rmi localhost/by-podman:imported
  podman load --quiet --input "$work/docker.tar"
  podman load --quiet --input "$work/oci.tar"
  skopeo copy --quiet "oci:$SOURCE_DIR/examples/multi-arch:demo-x86_64" \
    "$(in_store_name localhost/by-skopeo:example)"

  # several names, none, a name that was taken away, a name that moved
  podman tag localhost/by-buildah:docker docker.io/library/one:v1 quay.io/two/three:v2 \
    "localhost/$(printf 'n%.0s' {1..60}):$(printf 't%.0s' {1..128})"
  podman untag localhost/by-buildah:squashed
  podman tag localhost/by-buildah:empty localhost/deleted:v1
  podman rmi localhost/deleted:v1
  for content in one two; do
    echo "$content" >"$work/content"
    container=$(buildah from scratch)
    buildah copy --quiet "$container" "$work/content" /
    buildah commit --quiet "$container" localhost/moved:v1
    buildah rm "$container"
  done

  # lists: of images here, of an image elsewhere, of nothing; and one that was pulled
  podman manifest create localhost/list:mixed
  podman manifest add $tls localhost/list:mixed "$pushed/schema2:v1"
  podman manifest add localhost/list:mixed "$(in_store_name localhost/by-buildah:arm64)"
  podman manifest create localhost/list:empty
  podman manifest push --quiet --all $tls localhost/list:mixed "$pushed/list:v1"
  podman pull --quiet $tls "$registry/test/list:v1"
}
make_images >>"$log" 2>&1

records=$work/store/$store_driver/$store_driver-images/images.json
images=$(jq length "$records")
((images >= 20)) || fail "only $images images"

# --- what they are --------------------------------------------------------------------------------

mount_source "$(in_store_name)"
digest() { echo "sha256:$(sha256sum | cut -d ' ' -f 1)"; }
linked() { basename "$(readlink "$1")"; }
# expect_image DIRECTORY NAME: the mount's image and skopeo's are the same. Sets `manifest`.
expect_image() {
  local directory=$1 name
  name=$(in_store_name "$2")
  skopeo inspect --raw "$name" >"$work/raw"
  cmp "$work/raw" "$directory/manifest.json"
  manifest=$(digest <"$work/raw")
  expect_eq "$(linked "$directory/manifest.json")" "$manifest" "the digest of $2"
  if jq -e 'has("manifests")' "$work/raw" >/dev/null; then return; fi
  skopeo inspect --config --raw "$name" | cmp - "$directory/config.json"
  expect_eq "$(linked "$directory/config.json")" "$(digest <"$directory/config.json")"
}

jq -r '.[].id' "$records" >"$work/ids"
while read -r id; do
  expect_image "$mnt/_/tags/$id" "@$id"
  echo "$manifest"
done <"$work/ids" | sort >"$work/manifests"
expect_eq "$(ls "$mnt/_/images")" "$(<"$work/manifests")" 'all images, each once'
expect_eq "$(wc -l <"$work/manifests")" "$images"
expect_eq "$(ls "$mnt/_/tags")" '' 'tags of everything'

jq -r '.[].names[]?' "$records" >"$work/names"
: >"$work/table"
while read -r name; do
  expect_image "$mnt/$name" "$name"
  repository=${name%@*}
  if [[ $name == *@* ]]; then
    expect_eq "$manifest" "${name#*@}"
  else
    [[ -d $mnt/${repository%:*}/_/tags/${name##*:} ]] || fail "there is no tag for $name"
    echo "${repository%:*} ${name##*:} $manifest" >>"$work/table"
  fi
done <"$work/names"

# podman's table. A list keeps in it the digest that it had before it got its images.
podman images --all --digests --no-trunc --noheading \
  --format '{{.Repository}} {{.Tag}} {{.Digest}} {{.ID}}' >"$work/podman"
expect_eq "$(awk '{ print $4 }' "$work/podman" | sort -u)" \
  "$(sed 's/^/sha256:/' "$work/ids" | sort)" 'the images of podman'
while read -r repository tag digest id; do
  image=$mnt/$repository:$tag
  if [[ $tag == '<none>' ]]; then image=$mnt/_/tags/${id#sha256:}; fi
  if [[ -e $image/config.json ]]; then
    expect_eq "$(linked "$image/config.json")" "$id" "the ID of $repository:$tag"
    # Of an image that was stored twice podman shows the first manifest, and skopeo the last.
    expect_eq "$(linked "$mnt/_/images/$digest/config.json")" "$id" "the digest of $repository:$tag"
    expect_eq "$(digest <"$mnt/_/images/$digest/manifest.json")" "$digest"
  else
    expect_eq "$(getfattr --absolute-names --only-values \
      -n user.oci.annotation.containers-storage.image.id "$image")" "${id#sha256:}" "a list's ID"
  fi
done <"$work/podman"

# A blob as it was compressed when it was pulled is what the store did not keep. The mount says so, and
# the blob of the layer leads to the tar. Of a layer that the store had before it was pulled, and did
# not take again, it does not know which blob it is.
# expect_blobs IMAGE LAYERS: sets `recorded` to how many blobs the store knows.
expect_blobs() {
  local image=$mnt/$1 blob diff path words number=0
  recorded=0
  jq -r '.layers[] | select(.mediaType | endswith("gzip")).digest' "$image/manifest.json" \
    >"$work/blobs"
  expect_eq "$(wc -l <"$work/blobs")" "$2" "the compressed layers of $1"
  while read -r blob; do
    diff=$(jq -r ".rootfs.diff_ids[$number]" "$image/config.json")
    [[ $diff != "$blob" ]] || fail "layer $number of $1 is not compressed"
    words="has no $blob; it keeps the files of layers, and no layer as it was compressed"
    if grep -qF "\"compressed-diff-digest\":\"$blob\"" \
      "$work/store/$store_driver/$store_driver-layers/layers.json"; then
      words="cannot give $blob as it was compressed: it keeps the files of the layer"
      words+=", and can give the tar $diff"
      recorded=$((recorded + 1))
    fi
    for path in "_/blobs/$blob" "${1%:*}/_/blobs/$blob"; do
      ! cat "$mnt/$path" >"$work/content" 2>"$work/why" || fail "$path can be read"
      grep -q 'No such file or directory' "$work/why" || fail "$(<"$work/why")"
      [[ ! -s $work/content ]] || fail "bytes of $path came"
    done
    jq -r --arg d "$blob" 'select(.object == $d).detail' "$mnt/.digestfs/problems.jsonl" \
      >"$work/words"
    grep -qF "$words" "$work/words" || fail "of $blob: $(<"$work/words")"
    expect_eq "$(digest <"$image/layers/0$number/blob")" "$diff" "the blob of layer $number of $1"
    number=$((number + 1))
  done <"$work/blobs"
}
expect_blobs "$registry/test/schema2:v1" 2
expect_blobs localhost/by-skopeo:example 3
# One of the three is an empty tar, as other images have it, and skopeo 1.18 does not take it again.
known=3
[[ $(skopeo --version) == *' 1.9.'* ]] || known=2
expect_eq "$recorded" "$known" 'blobs that the store knows'

"$(dirname "$DIGESTFS")/digestfs-images" --json "$mnt" >"$work/images"
jq -r '.images[] | select(.tag) | "\(.repository) \(.tag) \(.index // .digest)"' "$work/images" |
  sort -u >"$work/ours"
expect_eq "$(<"$work/ours")" "$(sort -u "$work/table")" 'the table of digestfs-images'
jq -r '.images[] | select(.tag and .index == null) | "\(.repository) \(.tag) \(.id)"' \
  "$work/images" | sort >"$work/ours"
expect_eq "$(<"$work/ours")" "$(awk '{ print $1, $2, $4 }' "$work/podman" |
  grep -v -e '<none>' -e '^localhost/list ' | sort)" 'the IDs of digestfs-images'
unmount

# The store that podman uses needs no brackets.
cat >"$work/storage.conf" <<TOML
[storage]
driver = "$store_driver"
graphroot = "$work/store/$store_driver"
runroot = "$work/store/run-$store_driver"
TOML
mount_source "$(in_store_name)"
CONTAINERS_STORAGE_CONF=$work/storage.conf mount_at "$work/plain" containers-storage:
for directory in '' _/images localhost/by-buildah{,/_/tags}; do
  expect_eq "$(ls "$work/plain/$directory")" "$(ls "$mnt/$directory")" "what is in /$directory"
  [[ -n $(ls "$work/plain/$directory") ]] || fail "there is nothing in /$directory"
done
unmount "$work/plain"
unmount
