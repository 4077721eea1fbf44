#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The commands of README.md and docs/, marked with $, print what the documents show, in that order, and
# the picture in the README is what the command draws. tests/readme.sh checks that no other block
# contains commands without saying why they are not run.
. "$(dirname "$0")/lib.sh"
require script dot jq getfattr

unset XDG_CACHE_HOME
export HOME=$work NO_COLOR=1 SHELL=/bin/bash LC_ALL=C.UTF-8
# Where the cache of root is does not depend on HOME.
((EUID != 0)) || export XDG_CACHE_HOME=$work/.cache
PATH=$(dirname "$DIGESTFS"):$PATH

# `ls` prints in columns where it is looked at, and in lines where it is not.
in_words() { tr -s '[:space:]' ' '; }

# in_terminal COMMAND: what it leaves on a terminal of 80 columns, without the progress it took back.
in_terminal() {
  script --quiet --return --command "stty cols 80 rows 24; $1" /dev/null </dev/null |
    sed -e 's/\r$//' -e 's/^.*\x1b\[K//'
}

# check: runs $command in this shell, since it may change the directory; `diff` may say 1. The status
# is there for the next command to ask for.
commands=0
status=0
check() {
  local run=eval line=${command//'$?'/$status}
  [[ -n $command ]] || return 0
  if [[ $command == digestfs-* && $command != *[\|\>]* ]]; then run=in_terminal; fi
  status=0
  "$run" "$line" >"$work/printed" 2>&1 || status=$?
  expect_eq "$(in_words <<<"$(<"$work/printed")")" "$(in_words <<<"$shown")" "$command"
  commands=$((commands + 1))
}

cd "$SOURCE_DIR"
for document in README.md docs/*.md; do
  cd "$SOURCE_DIR"
  command='' shown=''
  while IFS=$'\t' read -r kind line; do
    [[ $kind == run || $kind == end ]] || continue
    if [[ $line == '$ '* || $kind == end ]]; then
      check
      command=${line#'$ '} shown=''
    else
      shown+=$line$'\n'
    fi
  done < <(awk -f tests/command_blocks.awk "$document")
done
daemon_is_gone() { ! pgrep -f -- "oci:examples/multi-arch $work/mnt" >/dev/null; }
eventually 10 daemon_is_gone || fail 'digestfs did not end'
((commands >= 25)) || fail "the documents show only $commands commands"

# --- the picture ----------------------------------------------------------------------------------

# drawn FILE: what a drawing says and where it leads. Where it says that depends on the fonts.
drawn() { grep -oP 'xlink:(href|title)="[^"]*"|<title>[^<]*|<text[^>]*>\K[^<]*' "$1" | sort; }

mount_at "$work/mnt" "oci:$SOURCE_DIR/examples/multi-arch"
cd "$work"
cat mnt/tags/demo/platforms/*/layers/*/diff >/dev/null # a diff has a size once it was read
digestfs-graph --svg mnt/tags/demo >drawing.svg
expect_eq "$(drawn "$SOURCE_DIR/docs/example.svg")" "$(drawn drawing.svg)" \
  'docs/example.svg and what digestfs-graph --svg mnt/tags/demo draws'
links=0
while IFS= read -r link; do
  [[ sha256:$(sha256sum <"$link" | cut -d ' ' -f 1) == "${link##*/}" ]] || fail "$link is another object"
  links=$((links + 1))
done < <(grep -oP 'xlink:href="\K[^"]*' drawing.svg)
expect_eq "$links" 13 'boxes that lead to their file in the mount'
unmount "$work/mnt"
