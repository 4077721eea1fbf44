#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docs/registries.md says which tests checked what: each of them exists.
set -euo pipefail
cd "${SOURCE_DIR:-$(dirname "$0")/..}"
page=docs/registries.md
status=0
checked=0

# shellcheck disable=SC2016 # the backticks are Markdown's
while read -r suite name; do
  ((++checked))
  # A name may be cut short by … or stand for all of a suite by *.
  prefix=${name%…}
  prefix=${prefix%\*}
  grep -rqE "^TEST(_F|_P)?\($suite, $prefix" tests && continue
  echo "$page names $suite.$name, and there is no such test" >&2
  status=1
done < <(grep -oE '`[A-Z][A-Za-z0-9]*\.[A-Z*][A-Za-z0-9]*(…|\*)?`' "$page" | tr -d '`' | tr . ' ')

while read -r file; do
  ((++checked))
  [[ -n $(find tests -name "$file") ]] && continue
  echo "$page names $file, and there is no such file" >&2
  status=1
done < <(grep -oE '[a-z_]+(_test\.cc|\.sh)`' "$page" | tr -d '`')

((checked > 20)) || {
  echo "$page names $checked tests: too few are found" >&2
  status=1
}
exit "$status"
