#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The bundled example, mounted without network or registry: the first thing a new user sees.
. "$(dirname "$0")/lib.sh"

example=$SOURCE_DIR/examples/multi-arch
sums() { find "$example" -type f -exec sha256sum {} + | sort; }
before=$(sums)
mount_source "oci:$example"
expect_eq "$(ls "$mnt")" $'blobs\nconfigs\ndiffs\nimages\nindexes\nmanifests\noci\ntags\ntrees'
expect_eq "$(ls "$mnt/.digestfs")" $'log\nproblems.jsonl\nquarantine\nstatus.json\ntransfers'
expect_eq "$(ls "$mnt/tags")" $'demo\ndemo-aarch64\ndemo-x86_64'
expect_eq "$(ls "$mnt/tags/demo")" $'host\nimage\nmanifest.json\noci\nplatforms\nreferrers'
expect_eq "$(ls "$mnt/tags/demo-x86_64")" \
  $'config.json\nhost\nimage\nlayers\nmanifest.json\noci\nplatforms\nreferrers\nrootfs'
expect_eq "$(ls "$mnt/tags/demo/platforms")" $'linux_amd64\nlinux_arm64'
expect_eq "$(ls "$mnt/tags/demo-x86_64/layers/00")" $'blob\ncreated_by\ndiff\ntree'

# The empty layer of every buildah image.
empty=$(
  for layer in "$mnt"/tags/demo-x86_64/layers/*; do
    if [[ $(readlink "$layer/blob") == *bd9ddc54bea9* ]]; then echo "$layer"; fi
  done
)
expect_eq "$(basename "$(readlink "$empty/diff")")" \
  sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef
expect_eq "$(od -An -v -tx1 "$empty/diff" | tr -d ' \n' | sort -u)" "$(printf '0%.0s' {1..2048})"
expect_eq "$(stat -Lc %s "$empty/diff")" 1024

# No walk loops, followed links and all, and nothing that is met twice on one way down.
python3 - "$mnt" <<'PYTHON'
import os, sys
deepest = 0
for folder, _, _ in os.walk(sys.argv[1], followlinks=True):
    deepest = max(deepest, folder.count("/"))
    way = [os.stat(folder).st_ino]
    up = os.path.dirname(folder)
    while len(up) >= len(sys.argv[1]):
        way.append(os.stat(up).st_ino)
        up = os.path.dirname(up)
    assert len(set(way)) == len(way), folder
assert deepest < sys.argv[1].count("/") + 20, deepest
PYTHON
find -L "$mnt" -type f -print0 | xargs -0 sha256sum >"$work/sums"
! find -L "$mnt" -type l | grep . || fail 'a link leads nowhere'
cp -rL "$mnt" "$work/copy"
diff -r "$mnt/tags" "$work/copy/tags"

# The colon-free spelling, for shells, scp, make and lists of paths.
digest=$(basename "$(readlink "$mnt/tags/demo/manifest.json")")
cmp "$mnt/indexes/${digest/:/-}" "$mnt/indexes/$digest"
expect_eq "$(readlink "$mnt/indexes/${digest/:/-}")" "$digest"
expect_eq "$(ls "$mnt/indexes")" "$digest" 'the colon-free spelling is not listed'

expect_eq "$(cat "$mnt/.digestfs/problems.jsonl")" '' problems
unmount
# Nobody changed the example by looking at it.
expect_eq "$(sums)" "$before" 'the example'
