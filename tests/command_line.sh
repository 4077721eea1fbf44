#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every option and transport is in --help, in the man page and in the completions of bash, fish and
# zsh, and these have no other. --version names what a report of an error needs.
set -euo pipefail
cd "${SOURCE_DIR:-$(dirname "$0")/..}"
programs=$(dirname "${DIGESTFS:-build/dev/digestfs}")
completions=packaging/completions
status=0
for shell in fish zsh; do
  command -v "$shell" >/dev/null || { echo "SKIP: needs $shell" >&2 && exit 77; }
done

# same WHAT PROGRAM OTHER WHERE: both are lists of words, one a line.
same() {
  local program other
  program=$(sort -u <<<"$2") other=$(sort -u <<<"$3")
  [[ -n $program && $program == "$other" ]] && return
  echo "The $1 of the program (<) and of $4 (>) differ:" >&2
  diff <(echo "$program") <(echo "$other") >&2 || true
  status=1
}

# items SECTION PAGE: the tags of the lists in that section.
items() { sed -n "/^\.S[hs] $1\$/,/^\.S[hs] /s/^\.It //p" "$2"; }

# in_bash LINE WORD…: what completes the line, which bash splits into these words.
in_bash() (
  compopt() { :; }
  # shellcheck source=../packaging/completions/digestfs.bash
  . "$completions/digestfs.bash"
  export COMP_LINE=$1 COMP_POINT=${#1} COMP_CWORD=$(($# - 2)) COMP_WORDS=("${@:2}") COMPREPLY=()
  _digestfs "$2"
  printf '%s\n' "${COMPREPLY[@]}"
)

# in_fish LINE
in_fish() {
  HOME=/nonexistent XDG_DATA_HOME=/nonexistent XDG_CONFIG_HOME=/nonexistent fish --no-config \
    --command "source $completions/digestfs.fish; complete --do-complete '$1'" 2>/dev/null |
    cut -f 1
}

# in_zsh SERVICE FUNCTION: what the function gives to _arguments, or to compadd.
in_zsh() {
  zsh -f -c '
    _arguments() { print -rl -- "$@" }
    compadd() { print -rl -- "$@" }
    compset() { false }
    _files() { : }
    service=$1 words=($1 "")
    source '"$completions"'/_digestfs >/dev/null
    $2' zsh "$1" "$2"
}

names() { grep -oE -- '^--?[A-Za-z-]+' || true; }

for program in digestfs digestfs-{images,graph,compare,check,cache}; do
  help=$("$programs/$program" --help)
  options=$(sed '/^Examples:/,$d' <<<"$help" | sed -nE 's/^ +(-[^ ]*,? ?--?[^ ]+).*/\1/p' |
    grep -oE -- '--?[A-Za-z-]+')
  same "options of $program" "$options" \
    "$(items OPTIONS "man/$program.1" | grep -oE 'Fl [^ ]+' | sed 's/^Fl /-/')" 'its man page'
  same "options of $program" "$options" "$(in_bash "$program -" "$program" - | names)" bash
  same "options of $program" "$options" "$(in_fish "$program -" | names)" fish
  same "options of $program" "$options" \
    "$(in_zsh "$program" _digestfs | sed 's/^([^)]*)//; s/^\*//' | grep -vx -- '-[sS]' | names)" zsh
  [[ $(sed -n '/^Examples:/,$p' <<<"$help" | grep -c "^  .*$program") == 3 ]] ||
    { echo "$program --help shows no three examples" >&2 && status=1; }
done

transports=$("$programs/digestfs" --help | sed '1,/^SOURCE is one of/d; /^$/,$d' |
  grep -oE '[a-z-]+:(//)?')
same transports "$transports" \
  "$(items Sources man/digestfs.1 | grep -oE 'Cm [a-z-]+:(//)?' | sed 's/^Cm //')" 'its man page'
same transports "$transports" "$(in_bash 'digestfs ' digestfs '')" bash
same transports "$transports" "$(in_fish 'digestfs ')" fish
same transports "$transports" "$(in_zsh digestfs _digestfs_source | grep :)" zsh

# What is behind a prefix, and what bash itself would take apart.
same 'directory behind oci:' oci:examples/multi-arch/ "$(in_fish 'digestfs oci:examples/mu')" fish
same 'directory behind oci:' examples/multi-arch "$(in_bash 'digestfs oci:examples/mu' digestfs oci : examples/mu)" bash
same 'level behind =' debug "$(in_bash 'digestfs --log-level=d' digestfs --log-level = d)" bash
same 'option in -o' $'ro,cache-dir=\nro,cache-size=' "$(in_bash 'digestfs -o ro,cache' digestfs -o ro,cache)" bash

version=$("$programs/digestfs" --version)
for library in libfuse libcurl OpenSSL 'zlib|ISA-L' libzstd nlohmann_json; do
  grep -qE "^  ($library) [0-9]+\.[0-9]+" <<<"$version" ||
    { echo "--version does not name $library: $version" >&2 && status=1; }
done

exit "$status"
