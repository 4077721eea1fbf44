#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every option and transport is in --help, in the man page and in the completions of bash, fish and
# zsh, and these have no other. --version names what a report of an error needs.
set -euo pipefail
cd "${SOURCE_DIR:-$(dirname "$0")/..}"
. tests/lists.inc
programs=$(dirname "${DIGESTFS:-build/dev/digestfs}")
completions=packaging/completions
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
for shell in fish zsh; do
  command -v "$shell" >/dev/null || { echo "SKIP: needs $shell" >&2 && exit 77; }
done

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
  HOME=$home XDG_DATA_HOME=$home XDG_CONFIG_HOME=$home fish --no-config \
    --command "source $completions/digestfs.fish; complete --do-complete '$1'" 2>/dev/null |
    cut -f 1
}

# in_zsh SERVICE FUNCTION [WORD…]: what the function gives to _arguments, or to compadd, after these
# words.
in_zsh() {
  zsh -f -c '
    _arguments() { print -rl -- "$@" }
    compadd() { if [[ $1 == -a ]]; then print -rl -- ${(P)2}; else print -rl -- "$@"; fi }
    compset() { false }
    _files() { : }
    service=$1 words=($1 "${@:3}" "")
    source '"$completions"'/_digestfs >/dev/null
    $2' zsh "$@"
}

names() { grep -oE -- '^--?[A-Za-z-]+' || true; }

for program in digestfs digestfs-{images,graph,compare,check,cache}; do
  help=$("$programs/$program" --help)
  wide=$(awk 'length > 80' <<<"$help")
  [[ -z $wide ]] || { echo "$program --help has lines of more than 80 columns: $wide" >&2 && status=1; }
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

# The tags of a mount, of which nothing but the names matters.
mkdir -p "$home/mnt/tags/v1" "$home/mnt/tags/v2"
same 'tags of a mount' $'v1\nv2' "$(in_fish 'digestfs-images ~/mnt --tag ')" fish
same 'tags of a mount' $'v1\nv2' \
  "$(in_bash "digestfs-images $home/mnt --tag " digestfs-images "$home/mnt" --tag '')" bash
same 'tags of a mount' $'v1\nv2' "$(in_zsh digestfs-images _digestfs_tags "$home/mnt" --tag)" zsh

# Of a real mount: its place, the paths below its tags, and the tags themselves.
if { : <>/dev/fuse; } 2>/dev/null; then
  mkdir "$home/real"
  "$programs/digestfs" --cache-dir "$home/cache" oci:examples/multi-arch "$home/real"
  # The daemon gives the objects of its cache their names before it ends.
  # shellcheck disable=SC2317 # the trap calls it
  finish() {
    fusermount3 -uz "$home/real"
    for _ in {1..200}; do
      pgrep -f -- " $home/real\$" >/dev/null || break
      sleep 0.05
    done
    rm -rf --one-file-system "$home"
  }
  trap finish EXIT
  tags=$(ls "$home/real/tags")
  [[ $tags == *demo-x86_64* ]] || { echo "the example has other tags: $tags" >&2 && status=1; }
  same 'tags of a real mount' "$tags" \
    "$(in_bash "digestfs-images $home/real --tag " digestfs-images "$home/real" --tag '')" bash
  same 'a tag of a real mount' demo-aarch64 \
    "$(in_bash "digestfs-images $home/real --tag demo-a" digestfs-images "$home/real" --tag demo-a)" bash
  same 'paths of tags' "$(printf '%s\n' "$home"/real/tags/*)" \
    "$(in_bash "digestfs-graph $home/real/tags/" digestfs-graph "$home/real/tags/")" bash
  in_bash 'digestfs-graph ' digestfs-graph '' | grep -qx "$home/real" ||
    { echo "no mount is completed in bash" >&2 && status=1; }
  same 'tags of a real mount' "$tags" "$(in_fish "digestfs-images $home/real --tag ")" fish
  same 'tags of a real mount' "$tags" "$(in_zsh digestfs-images _digestfs_tags "$home/real" --tag)" zsh
fi

version=$("$programs/digestfs" --version)
for library in libfuse libcurl OpenSSL xxHash zlib libzstd nlohmann_json 'toml\+\+' cxxopts; do
  grep -qE "^  ($library) [0-9]+\.[0-9]+" <<<"$version" ||
    { echo "--version does not name $library: $version" >&2 && status=1; }
done

exit "$status"
