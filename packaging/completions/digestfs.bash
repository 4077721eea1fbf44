# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Completions of bash for digestfs(1) and its companions. They need nothing but bash itself.
# tests/command_line.sh compares them with what the programs say.

# Prints the options of the program $1. An option with `=` takes a value, one with `[=]` may.
__digestfs_options() {
  case $1 in
    digestfs)
      echo '--platform= --list-trees[=] --cache-dir= --cache-size= --tag-ttl= --offline[=]' \
        '--creds= --authfile= --cert-dir= --tls-verify[=] --jobs= --connections= --timeout=' \
        '-f --foreground[=] -d --debug[=] --no-passthrough[=] -o= --options= --log-level= --log-file= -q --quiet[=] -h --help -V --version'
      ;;
    digestfs-images)
      echo '-a --all --tag= --repository= --platform= --digest= --no-trunc --stream --jobs='
      ;;
    digestfs-graph) echo '--dot --svg --links-from=' ;;
    digestfs-compare) echo '--files' ;;
    digestfs-check) echo '--platform= --label= --shallow' ;;
    digestfs-cache) echo '--cache-dir= --sort= --older-than= --keep-size= -n --dry-run' ;;
  esac
  [[ $1 == digestfs ]] || echo '--json -q --quiet -h --help -V --version'
}

# Prints where digestfs is mounted.
__digestfs_mounts() {
  local at rest
  while read -r _ _ _ _ at rest; do
    [[ $rest == *' - fuse.digestfs '* ]] && printf '%b\n' "$at"
  done </proc/self/mountinfo
}

# Adds to `found` what completes $1 by compgen with the options from $3 on, with $2 before each.
__digestfs_generate() {
  local line
  while IFS= read -r line; do found+=("$2$line"); done < <(compgen "${@:3}" -- "$1")
}
# Each completes $1, with $2 before it: to a directory, to a file, to one of the words in $3.
__digestfs_directory() { compopt -o filenames && __digestfs_generate "$1" "$2" -d; }
__digestfs_file() { compopt -o filenames && __digestfs_generate "$1" "$2" -f; }
__digestfs_word() { __digestfs_generate "$1" "$2" -W "$3"; }

# Completes the value $2 of the option $1; $3 stands before the value in the same word.
__digestfs_value() {
  local place tag all before
  case $1 in
    --cache-dir | --cert-dir | --links-from) __digestfs_directory "$2" "$3" ;;
    --authfile | --log-file) __digestfs_file "$2" "$3" ;;
    --log-level) __digestfs_word "$2" "$3" 'error warning info debug' ;;
    --platform)
      __digestfs_word "$2" "$3" 'linux/386 linux/amd64 linux/arm/v6 linux/arm/v7 linux/arm64
        linux/ppc64le linux/riscv64 linux/s390x windows/amd64'
      ;;
    --offline | --tls-verify | --list-trees | --foreground | --debug | --quiet | --no-passthrough)
      __digestfs_word "$2" "$3" 'true false'
      ;;
    --sort) __digestfs_word "$2" "$3" 'use size' ;;
    --tag)
      for place in "${places[@]}"; do
        for tag in "$place"/tags/"$2"*; do
          [[ -e $tag ]] && found+=("$3${tag##*/}")
        done
      done
      ;;
    -o | --options)
      compopt -o nospace
      before=
      [[ $2 == *,* ]] && before=${2%,*},
      all=" $(__digestfs_options digestfs) "
      all=${all//' -'[fdohqV]/} all=${all//'[=]'/} all=${all// --/ }
      __digestfs_word "${2#"$before"}" "$3$before" "${all/ options= / } allow_other allow_root
        auto_unmount default_permissions transform_symlinks"
      ;;
  esac
}

# Completes SOURCE: a prefix, or what stands behind it.
__digestfs_source() {
  local prefix=${1%%:*}:
  case $1 in
    oci:* | dir:* | registry-storage:*)
      __digestfs_directory "${1#"$prefix"}" "$prefix"
      ;;
    oci-archive:* | docker-archive:*)
      __digestfs_file "${1#"$prefix"}" "$prefix"
      ;;
    *)
      compopt -o nospace
      __digestfs_word "$1" '' 'docker:// oci: oci-archive: dir: docker-archive: containers-storage:
        registry-storage:'
      ;;
  esac
}

_digestfs() {
  local program=${1##*/} line=${COMP_LINE:0:COMP_POINT}
  local words=() places=() found=() options word i expects='' last
  # bash splits its COMP_WORDS at ':' and '=', too. A backslash keeps a space in its word.
  # shellcheck disable=SC2162
  read -a words <<<"$line"
  [[ $line == *[[:space:]] && $line != *\\[[:space:]] ]] && words+=('')
  word=${words[-1]}
  options=$(__digestfs_options "$program")
  # What the words before this one are.
  for ((i = 1; i < ${#words[@]} - 1; ++i)); do
    if [[ -n $expects ]]; then
      expects=
    elif [[ " ${options//$'\n'/ } " == *" ${words[i]}= "* ]]; then
      expects=${words[i]}
    elif [[ ${words[i]} != -* ]]; then
      places+=("${words[i]/#~\//$HOME/}")
    fi
  done
  if [[ -n $expects ]]; then
    __digestfs_value "$expects" "$word" ''
  elif [[ $word == --*=* ]]; then
    __digestfs_value "${word%%=*}" "${word#*=}" "${word%%=*}="
  elif [[ $word == -* ]]; then
    __digestfs_word "$word" '' "$(sed -E 's/\[=\]|(-o)=/\1/g' <<<"$options")"
    [[ ${#found[@]} == 1 && ${found[0]} == *= ]] && compopt -o nospace
  elif [[ $program == digestfs && ${#places[@]} == 0 ]]; then
    __digestfs_source "$word"
  elif [[ $program == digestfs-cache ]]; then
    ((${#places[@]})) || __digestfs_word "$word" '' 'list verify prune path'
  else
    [[ -z $word && $program != digestfs ]] && mapfile -t found < <(__digestfs_mounts)
    ((${#found[@]})) && compopt -o filenames
    ((${#found[@]})) || __digestfs_directory "$word" ''
  fi
  # readline replaces what is behind the last ':' or '=' alone.
  last=${COMP_WORDS[COMP_CWORD]}
  [[ $last == [:=] ]] && last=
  # shellcheck disable=SC2162
  read last <<<"$last"
  i=$((${#word} > ${#last} ? ${#word} - ${#last} : 0))
  COMPREPLY=("${found[@]/#"${word:0:i}"/}")
}

complete -F _digestfs digestfs digestfs-images digestfs-graph digestfs-compare digestfs-check \
  digestfs-cache
