#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What each look at the mount costs, counted at the registry (promise 4).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/images.inc"

start_registry
push_images test/images
manifests='(GET|HEAD) /v2/[^ ]*/manifests/'
blobs='(GET|HEAD) /v2/[^ ]*/blobs/'
lists='GET /v2/[^ ]*/tags/list'

# Mounting asks for the first page of tags; `ls tags` uses it.
forget_requests
mount_source "$registry/test/images"
ls -l "$mnt/tags" >/dev/null
ls "$mnt/tags" >/dev/null
expect_eq "$(requests "$lists")" 1 'tag lists'
expect_eq "$(requests "$manifests")" 0 'manifests for ls -l tags'

# Who enters a tree of files wants its layers; these see it from outside.
no_trees=('(' -name tree -o -name rootfs ')' -ls -prune)

# A manifest by tag: one HEAD, one GET, then nothing.
for _ in 1 2 3; do jq . "$mnt/tags/amd64/manifest.json" >/dev/null; done
expect_eq "$(requests 'HEAD /v2/[^ ]*/manifests/')" 1 'HEAD of a manifest'
expect_eq "$(requests 'GET /v2/[^ ]*/manifests/')" 1 'GET of a manifest'
expect_eq "$(requests '[A-Z]+ /v2/')" 3 'requests for the tags and a manifest'

# Listing a plain image costs its config too, and nothing else.
find "$mnt/tags/amd64/" "${no_trees[@]}" -o -ls >/dev/null
expect_eq "$(requests "$manifests")" 2
expect_eq "$(requests "$blobs")" 1 'the config'

# stat of a blob and of its diff: nothing.
forget_requests
stat -L "$mnt"/tags/amd64/layers/*/{blob,diff} >/dev/null
getfattr -d "$mnt"/tags/amd64/layers/*/{blob,diff} >/dev/null 2>&1
ls -l "$mnt/blobs/" "$mnt/diffs/" >/dev/null
expect_eq "$(requests '[A-Z]+ /v2/')" 0 'requests for metadata'

# 16 readers of one cold blob: one GET (B8).
readers=()
for _ in {1..16}; do
  sha256sum "$mnt/tags/amd64/layers/01/blob" >>"$work/sums" &
  readers+=($!)
done
wait "${readers[@]}"
expect_eq "$(cut -d ' ' -f 1 "$work/sums" | sort | uniq -c | awk '{print $1}')" 16 'readers'
expect_eq "$(requests "$blobs")" 1 'requests of 16 readers'

# The diff needs no more than the blob that is there.
sha256sum "$mnt/tags/amd64/layers/01/diff" >/dev/null
expect_eq "$(requests "$blobs")" 1
unmount

# Another mount finds it all in the cache: the tag is asked for, the content is not.
forget_requests
mount_source "$registry/test/images"
sha256sum "$mnt"/tags/amd64/layers/01/{blob,diff} "$mnt/tags/amd64/manifest.json" >/dev/null
expect_eq "$(requests 'HEAD /v2/[^ ]*/manifests/')" 1
expect_eq "$(requests 'GET /v2/[^ ]*/(manifests|blobs)/')" 0 'content that was cached'
unmount

# The whole tree, links followed, costs no layer.
rm -r "$cache"
mount_source "$registry/test/images"
forget_requests
find -L "$mnt" "${no_trees[@]}" -o -ls >/dev/null
python3 - "$mnt" <<'PYTHON'
import os, sys
entries = 0
for _, folders, files in os.walk(sys.argv[1], followlinks=True):
    entries += len(folders) + len(files)
    folders[:] = [folder for folder in folders if folder not in ("tree", "rootfs")]
assert entries > 50, entries
PYTHON
layers=$(jq -r '.layers[].digest' "$mnt"/manifests/* | sort -u)
for layer in $layers; do
  expect_eq "$(requests "GET /v2/[^ ]*/blobs/$layer")" 0 "layers for find -L"
done
unmount
