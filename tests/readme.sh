#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the documents name exists: files, commands of ./dev, and the digests of the example. Each block
# of commands says what it prints, which tests/mount/readme.sh checks, or why no test runs it.
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

found '\]\(\K(?!https?:)[^)#]+' README.md CONTRIBUTING.md docs/troubleshooting.md |
  while IFS=: read -r document link; do
    [[ -e $(dirname "$document")/$link ]] || complain "$document links to $link, which does not exist"
  done

# A line that begins with a program of this project or of the machine is a command.
blocks=0
for document in README.md docs/*.md; do
  while IFS=$'\t' read -r kind line; do
    [[ $kind == end ]] || blocks=$((blocks + 1))
    [[ $kind == plain ]] || continue
    word=${line%% *}
    [[ -n $word ]] || continue
    case $word in
      ./* | digestfs*) ;;
      *) command -v -- "$word" >/dev/null || continue ;;
    esac
    complain "$document neither shows what '$line' prints nor says why no test runs it"
  done < <(awk -f tests/command_blocks.awk "$document")
done
((blocks > 0)) || complain 'no document has a block'

found '\./dev \K[a-z]+' README.md CONTRIBUTING.md | while IFS=: read -r document command; do
  ./dev help | grep -q "^\./dev $command" || complain "$document names ./dev $command"
done
found '^    \./dev test' README.md >/dev/null

found '\b[0-9a-f]{64}\b' README.md | while IFS=: read -r document hex; do
  [[ -e examples/multi-arch/blobs/sha256/$hex ]] ||
    grep -rq "sha256:$hex" examples/multi-arch || complain "$document: the example has no $hex"
done

exit "$status"
