#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# archive.sh [TARGET]
#
# What `git archive` makes of the last commit is all that a build needs. Configures what was
# unpacked and compiles one file of it. With TARGET, builds that, as `./dev test-package` does, but no
# tests: those of a clone are the same.
set -euo pipefail
source=$(realpath "${SOURCE_DIR:-$(dirname "$0")/..}")
git -C "$source" rev-parse --quiet --verify HEAD >/dev/null 2>&1 ||
  { echo "SKIP: this is no checkout of git" >&2 && exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/digestfs-archive.XXXXXX")
trap 'rm -rf "$work"' EXIT

mkdir "$work/unpacked"
git -C "$source" archive --format=tar.gz --output="$work/digestfs.tar.gz" HEAD
tar -C "$work/unpacked" -xzf "$work/digestfs.tar.gz"
options=()
(($# == 0)) || options=(-D BUILD_TESTING=OFF)
cmake -S "$work/unpacked" -B "$work/build" -G Ninja "${options[@]}" >"$work/configured"
cmake --build "$work/build" --target "${1:-CMakeFiles/digestfs_base.dir/base/base64.cc.o}"
