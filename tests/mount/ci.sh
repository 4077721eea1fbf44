#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The jobs of docs/ci.md, the script in examples/ci and the step for GitHub Actions: they pass where all
# platforms and labels are there, and fail where one is missing.
. "$(dirname "$0")/lib.sh"
require jq
{ : <>/dev/fuse; } 2>/dev/null || skip "/dev/fuse cannot be used here"
mkdir "$work/bin"
ln -s "$DIGESTFS" "$work/bin/digestfs"
export PATH=$work/bin:$PATH XDG_CACHE_HOME=$work/cache TMPDIR=$work

# The index of the example alone, whose images have one label.
cp -r "$SOURCE_DIR/examples/multi-arch" "$work/layout"
jq -c '.manifests |= .[:1]' "$SOURCE_DIR/examples/multi-arch/index.json" >"$work/layout/index.json"
both='linux/amd64 linux/arm64'
label=io.buildah.version

# says STATUS TEXT COMMAND…: it exits with that status, says that, and leaves no mount.
says() {
  local status=0
  "${@:3}" >"$work/said" 2>&1 || status=$?
  expect_eq "$status" "$1" "exit status of ${*:3}, which said: $(<"$work/said")"
  [[ $(<"$work/said") == *"$2"* ]] || fail "${*:3} said: $(<"$work/said")"
  expect_eq "$(mounts_left)" '' mounts
  eventually 10 no_daemon || fail "${*:3} left a daemon"
}
no_daemon() { ! pgrep --full "^digestfs oci:$work/" >/dev/null && ! pgrep --full "^digestfs oci:$SOURCE_DIR/" >/dev/null; }

job=$SOURCE_DIR/examples/ci/check-image
says 0 'has all that it should have' "$job" "oci:$work/layout" "$both" "$label"
says 1 'demo has no image for linux/s390x' "$job" "oci:$work/layout" "$both linux/s390x"
says 1 'demo for linux/arm64 has no label version' "$job" "oci:$work/layout" "$both" "$label version"
says 1 'demo-x86_64 has no image for linux/arm64' "$job" "oci:$SOURCE_DIR/examples/multi-arch" "$both"
says 11 'no-such-layout' "$job" "oci:$work/no-such-layout" "$both"
says 2 'check-image SOURCE PLATFORMS' "$job" "oci:$work/layout"

# The step, as the runner runs it: `bash -e {0}`.
sed -n '/^  run: |$/,/^```/s/^    //p' "$SOURCE_DIR/docs/ci.md" >"$work/step"
grep -q fusermount3 "$work/step" || fail 'docs/ci.md has no step'
step() { (cd "$work" && env "IMAGE=oci:$work/layout" "$@" bash -e "$work/step"); }
says 0 '' step "PLATFORMS=$both" "LABELS=$label"
says 1 'no image for linux/s390x' step "PLATFORMS=$both linux/s390x" LABELS=
says 1 'has no label version' step "PLATFORMS=$both" 'LABELS=version'
