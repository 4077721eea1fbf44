#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ./dev bench runs, and each row has a number. What the numbers are is no matter of a test.
. "$(dirname "$0")/lib.sh"

require docker-registry skopeo
{ : <>/dev/fuse; } 2>/dev/null || skip "/dev/fuse cannot be used here"

# Two builds, so that both have columns; of the groups those that need neither podman nor fio.
python3 -B "$SOURCE_DIR/bench" --quick --folder "$work" --digestfs "$DIGESTFS" \
  --digestfs "$DIGESTFS" start later slow >"$work/printed"
awk -F ' [|] ' '
  /^[|] what / { next }
  /^[|] [^ -]/ { ++rows; if ($2 !~ /^[0-9.]+ m?s$/ || $3 !~ /^[0-9.]+ m?s$/) wrong = wrong "\n" $0 }
  /^[|].* (curl|skopeo|openssl) / && $6 !~ /^[0-9.]+$/ { wrong = wrong "\n" $0 }
  END { if (rows != 8 || wrong) { print rows " rows; no number in:" wrong; exit 1 } }
' "$work/printed" || fail "$(<"$work/printed")"
