#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# For every regular file under indexes, manifests, configs, blobs and diffs, sha256sum of it is its
# name: by 4 KiB and by 1 MiB, forwards, backwards and by mmap, cold and from the cache. And sizes
# are what they are said to be.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/images.inc"

require python3 getfattr
start_registry
push_images test/images
for round in cold cached; do
  mount_source "$registry/test/images"
  # Following every link meets everything there is.
  find -L "$mnt/tags" -name manifest.json >/dev/null
  said=$(python3 "$SOURCE_DIR/tests/mount/read_all.py" "$mnt") || fail "$said"
  files=${said##*$'\n'}
  # 2 indexes, 5 manifests; 3 configs (Docker's is another one's twin), also as blobs; the layers
  # of amd64 and arm64 in gzip, zstd and plain; 3 diffs.
  [[ ${files% files} -ge 20 ]] || fail "$round: only $files"
  unmount
done

# A size that is not known yet is no lie, and exact from the first open on.
rm -r "$cache"
mount_source "$registry/test/images"
diff=$mnt/tags/amd64/layers/01/diff
blob=$mnt/tags/amd64/layers/01/blob
state() { getfattr --only-values -n "user.digestfs.$2" "$1" 2>/dev/null; }
expect_eq "$(state "$diff" size)" estimate
expect_eq "$(stat -Lc %s "$diff")" "$(stat -Lc %s "$blob")" 'placeholder of the size'
expect_eq "$(state "$blob" state)" remote
expect_eq "$(state "$blob" size)" exact
expect_eq "$(wc -c <"$diff")" "$(stat -Lc %s "$diff")" 'size after a stat and cat'
cp "$diff" "$work/diff"
cmp "$diff" "$work/diff"
expect_eq "$(state "$diff" size)" exact
expect_eq "$(state "$blob" state)" verified
((($(stat -Lc %b "$diff") * 512) >= $(stat -Lc %s "$diff"))) || fail 'it looks sparse'
# GNU tar takes what it stats, then reads: the archive is whole.
tar -C "$mnt" -chf "$work/all.tar" diffs blobs
tar -C "$work" -xf "$work/all.tar"
for file in "$work"/{diffs,blobs}/*; do
  expect_eq "sha256:$(sha256sum <"$file" | cut -d ' ' -f 1)" "$(basename "$file")" "in the archive"
done
unmount

# Metadata of content, as extended attributes.
mount_source "$registry/test/images"
expect_eq "$(getfattr --only-values -n user.oci.digest "$mnt/tags/amd64/manifest.json")" \
  "$(basename "$(readlink "$mnt/tags/amd64/manifest.json")")"
expect_eq "$(getfattr --only-values -n user.oci.mediaType "$mnt/tags/docker/manifest.json")" \
  application/vnd.docker.distribution.manifest.v2+json
expect_eq "$(stat -Lc '%a %h %Y %U' "$mnt/tags/amd64/manifest.json")" "444 2 0 $(id -un)"
unmount
