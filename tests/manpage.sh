#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The man pages list what there is, and nothing else: options, transports, exit codes, kinds of problems.
set -euo pipefail
cd "${SOURCE_DIR:-$(dirname "$0")/..}"
page=man/digestfs.1
status=0

# same WHAT PROGRAM PAGE: both are lists of words, one a line.
same() {
  local program page
  program=$(sort -u <<<"$2") page=$(sort -u <<<"$3")
  [[ -n $program && $program == "$page" ]] && return
  echo "The $1 of the program (<) and of its man page (>) differ:" >&2
  diff <(echo "$program") <(echo "$page") >&2 || true
  status=1
}

# items SECTION: the tags of the lists in that section of the page.
items() { sed -n "/^\.S[hs] $1\$/,/^\.S[hs] /s/^\.It //p" "$page"; }

# same_options PROGRAM: its options and those of $page are the same.
same_options() {
  same "options of $(basename "$1")" \
    "$("$1" --help | sed -nE 's/^ +(-[^ ]*,? ?--?[^ ]+).*/\1/p' | grep -oE -- '--?[A-Za-z-]+')" \
    "$(items OPTIONS | grep -oE 'Fl [^ ]+' | sed 's/^Fl /-/')"
}

for companion in images graph compare check cache; do
  page=man/digestfs-$companion.1
  same_options "$(dirname "$DIGESTFS")/digestfs-$companion"
done
page=man/digestfs.1
same_options "$DIGESTFS"
same transports \
  "$("$DIGESTFS" --help | sed '1,/^SOURCE is one of/d; /^$/,$d' | grep -oE '[a-z-]+:(//)?' )" \
  "$(items Sources | grep -oE 'Cm [a-z-]+:(//)?' | sed 's/^Cm //')"
same 'exit codes' \
  "$(sed -n '/^enum class ExitCode/,/^}/s/.*= \([0-9]*\),/\1/p' tools/exit_code.h)" \
  "$(items 'EXIT STATUS')"
same 'kinds of problems' \
  "$(sed -n '/to_string(ProblemKind/,/^}/s/.*return "\(.*\)";/\1/p' cache/problems.cc | grep -v unknown)" \
  "$(items Problems)"

exit "$status"
