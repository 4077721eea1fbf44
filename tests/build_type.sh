#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whoever builds without a preset and without CMAKE_BUILD_TYPE gets an optimised program: hashing
# and unpacking once were several times slower, without a word.
set -euo pipefail
source=$(realpath "${SOURCE_DIR:-$(dirname "$0")/..}")
build=$(mktemp -d "${TMPDIR:-/tmp}/digestfs-build.XXXXXX")
trap 'rm -rf "$build"' EXIT

# configure OPTION…: prints the type that CMake then builds.
configure() {
  env -u CMAKE_BUILD_TYPE CMAKE_GENERATOR=Ninja cmake -S "$source" -B "$build" -DBUILD_TESTING=OFF "$@" >/dev/null
  sed -n 's/^CMAKE_BUILD_TYPE:[A-Z]*=//p' "$build/CMakeCache.txt"
}

[[ $(configure) == RelWithDebInfo ]]
[[ $(configure -DCMAKE_BUILD_TYPE=Debug) == Debug ]]
