#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The man pages list what there is, and nothing else: exit codes, kinds of problems, extended
# attributes. Options and transports are for command_line.sh.
set -euo pipefail
cd "${SOURCE_DIR:-$(dirname "$0")/..}"
. tests/lists.inc
page=man/digestfs.1
tree=man/digestfs-tree.5

same 'exit codes' \
  "$(sed -n '/^enum class ExitCode/,/^}/s/.*= \([0-9]*\),/\1/p' tools/exit_code.h)" \
  "$(items 'EXIT STATUS' "$page")" "$page"
kinds=$(sed -n '/to_string(ProblemKind/,/^}/s/.*return "\(.*\)";/\1/p' cache/problems.cc |
  grep -v unknown)
same 'kinds of problems' "$kinds" \
  "$(items "THE DAEMON'S FILES" "$tree" | grep -E '^[a-z]+(-[a-z]+)?$')" "$tree"
same 'extended attributes' \
  "$(grep -ohE '"user\.(oci|digestfs)\.[A-Za-z.]+' fs/fact_names.h fs/object/facts.cc | tr -d '"')" \
  "$(items 'EXTENDED ATTRIBUTES' "$tree" | sed 's/^Va //; s/<key>//')" "$tree"

# Of two pages that say the same, one is wrong in the end: what is in the tree, digestfs-tree(5) says.
while IFS= read -r item; do
  grep -qxF -- ".It $item" "$page" || continue
  echo "$page says again what is in $tree: $item" >&2
  status=1
done < <(sed -n 's/^\.It //p' "$tree")

exit "$status"
