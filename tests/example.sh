#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# examples/multi-arch is what examples/make-multi-arch makes, and every blob hashes to its name.
set -euo pipefail
source_dir=${SOURCE_DIR:-$(cd "$(dirname "$0")/.." && pwd)}
example=$source_dir/examples/multi-arch
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

"$source_dir/examples/make-multi-arch" "$fresh/made"
diff -r "$fresh/made" "$example"

blobs=0
for blob in "$example"/blobs/sha256/*; do
  sha256sum --quiet --check <<<"$(basename "$blob")  $blob"
  blobs=$((blobs + 1))
done
# An index, two manifests, two configs, two bases, the shared layer and the empty one.
if ((blobs != 9)); then
  echo "$example has $blobs blobs instead of 9" >&2
  exit 1
fi

# The test vector of the empty layer: 34 bytes of gzip, 1024 zero bytes.
empty=$example/blobs/sha256/bd9ddc54bea929a22b334e73e026d4136e5b73f5cc29942896c72e4ece69b13d
gzip -dc <"$empty" | sha256sum --quiet --check <(
  echo "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef  -"
)
