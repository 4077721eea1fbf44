#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tools → fs → cache → registry → archive → base: a folder includes its own files and those of
# folders to its right, subfolders and all, and each library is known in few places (docs/architecture.md).
set -euo pipefail
shopt -s nullglob globstar lastpipe  # lastpipe: `refuse` sets our status
cd "${SOURCE_DIR:-$(dirname "$0")/..}"
folders=(tools fs cache registry archive base)
status=0

# refuse WHAT: complains when there is something on standard input.
refuse() {
  if grep .; then
    echo "^ $1" >&2
    status=1
  fi
}

# including PATTERN FILE…: the lines that include what PATTERN, an extended regular expression, says.
including() { grep -HnE "^[[:space:]]*#[[:space:]]*include[[:space:]]*$1" /dev/null "${@:2}" || true; }

# only_in HEADER FILE…: no other file includes it.
only_in() {
  including "[<\"]$1" "${sources[@]}" | { grep -vf <(printf '^%s:\n' "${@:2}") || true; } |
    refuse "only ${*:2} may include $1"
}

sources=()
for folder in "${folders[@]}"; do sources+=("$folder"/**/*.h "$folder"/**/*.cc); done
((${#sources[@]})) || refuse 'there is nothing to check' <<<"$PWD"

for i in "${!folders[@]}"; do
  allowed=$(IFS='|' && echo "${folders[*]:i}")
  including "(\"|<(tests|$(IFS='|' && echo "${folders[*]}"))/)" "${folders[i]}"/**/*.{h,cc} |
    { grep -vE "\"($allowed)/([a-z0-9_]+/)*[a-z0-9_]+\.h\"" || true; } |
    refuse "${folders[i]}/ may include only from ${allowed//|/, }"
done

# Inside fs/: fuse knows no image, and place → repository → image → object and tree.
# not_below FOLDER OTHER…: fs/FOLDER includes none of the others.
not_below() {
  including "\"fs/($(IFS='|' && echo "${*:2}"))/" fs/"$1"/*.{h,cc} |
    refuse "fs/$1 may not include from fs/${*:2}"
}
not_below fuse place repository image object tree
not_below image place repository fuse
not_below object place repository image tree fuse
not_below tree place repository image object fuse
not_below repository place fuse
not_below place fuse

# The companions read a mount through the file system: they use nothing of the daemon but words, digests,
# switches and the reading of documents. Only digestfs-cache knows the cache's folder, and only
# digestfs-check decompresses.
companions=(tools/companions/{common,mount,images,compare,check,graph}/*.{h,cc})
including '"(fs|cache|archive|registry/(auth|host|http|local)|tools/[a-z_]+\.h)' "${companions[@]}" |
  { grep -vE '"tools/(exit_code|switch)\.h"|^tools/companions/check/.*"archive/decompressor\.h"' || true; } |
  refuse 'the companions may not include this'
including '"tools/companions/' tools/*.{h,cc} fs/**/*.{h,cc} | refuse 'the daemon needs no companion'

only_in curl/ 'registry/http/[a-z_]*\.\(h\|cc\)'
only_in '(linux/)?fuse' fs/fuse/backing.cc fs/fuse/channel.cc fs/fuse/listing_page.cc \
  fs/fuse/operations.cc fs/fuse/session.cc
only_in 'z(lib|conf)\.h' archive/zlib_inflater.cc
only_in 'isa-l.*' archive/isal_inflater.cc
only_in 'xxhash\.h' base/lasting_sum.cc base/quick_sum.cc
only_in 'zstd' archive/zstd.cc
only_in openssl/ base/digest.cc
only_in cxxopts tools/options.cc tools/companions/common/command_line.cc
# It is slow to compile: headers make do with json_fwd.hpp.
only_in 'nlohmann/json\.hpp' '[a-z]*/[a-z0-9_/]*\.cc'

exit "$status"
