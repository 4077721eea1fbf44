#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The man pages list what there is, and nothing else: exit codes, kinds of problems, extended
# attributes. Options and transports are for command_line.sh.
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

same 'exit codes' \
  "$(sed -n '/^enum class ExitCode/,/^}/s/.*= \([0-9]*\),/\1/p' tools/exit_code.h)" \
  "$(items 'EXIT STATUS')"
kinds=$(sed -n '/to_string(ProblemKind/,/^}/s/.*return "\(.*\)";/\1/p' cache/problems.cc |
  grep -v unknown)
same 'kinds of problems' "$kinds" "$(items Problems)"

page=man/digestfs-tree.5
same 'kinds of problems' "$kinds" "$(items "THE DAEMON'S FILES" | grep -E '^[a-z]+(-[a-z]+)?$')"
same 'extended attributes' "$(grep -ohE '"user\.(oci|digestfs)\.[A-Za-z.]+' fs/fact_names.h fs/object/facts.cc | tr -d '"')" \
  "$(items 'EXTENDED ATTRIBUTES' | sed 's/^Va //; s/<key>//')"

exit "$status"
