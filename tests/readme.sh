#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the documents name exists: files, commands of ./dev, and the digests of the example. That
# the README's walk-through prints what it shows is for tests/mount/readme.sh.
set -euo pipefail
shopt -s lastpipe  # `complain` sets our status
cd "${SOURCE_DIR:-$(dirname "$0")/..}"
status=0

complain() {
  echo "$*" >&2
  status=1
}

# found PATTERN FILE…: FILE:MATCH of each match of a Perl pattern; there must be some.
found() { grep -HoP "$@" || complain "there is no $1 in ${*:2}"; }

found '\]\(\K(?!https?:)[^)#]+' README.md CONTRIBUTING.md | while IFS=: read -r document link; do
  [[ -e $link ]] || complain "$document links to $link, which does not exist"
done

found '\./dev \K[a-z]+' README.md CONTRIBUTING.md | while IFS=: read -r document command; do
  ./dev help | grep -q "^\./dev $command" || complain "$document names ./dev $command"
done
found '^    \./dev test' README.md >/dev/null

found '\b[0-9a-f]{64}\b' README.md | while IFS=: read -r document hex; do
  [[ -e examples/multi-arch/blobs/sha256/$hex ]] ||
    grep -rq "sha256:$hex" examples/multi-arch || complain "$document: the example has no $hex"
done

exit "$status"
