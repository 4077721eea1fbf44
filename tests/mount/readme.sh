#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The walk-through of the README: its commands, marked with $, print what it shows, in that order.
. "$(dirname "$0")/lib.sh"

export HOME=$work
mount_at ~/digestfs-mnt "oci:$SOURCE_DIR/examples/multi-arch"

# `ls` prints in columns where it is looked at, and in lines where it is not.
in_words() { tr -s '[:space:]' ' '; }

# check: runs $command in this shell, since it may change the directory; `diff` may say 1.
commands=0
check() {
  [[ -n $command ]] || return 0
  eval "$command" >"$work/printed" 2>&1 || true
  expect_eq "$(in_words <<<"$(<"$work/printed")")" "$(in_words <<<"$shown")" "$command"
  commands=$((commands + 1))
}

command='' shown=''
while IFS= read -r line; do
  if [[ $line == '$ '* ]]; then
    check
    command=${line#'$ '} shown=''
  else
    shown+=$line$'\n'
  fi
done < <(sed -n '/^    \$ /,/^$/s/^    //p' "$SOURCE_DIR/README.md")
check
((commands >= 10)) || fail "the README shows only $commands commands"
wait_for_end ~/digestfs-mnt
