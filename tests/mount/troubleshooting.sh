#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docs/troubleshooting.md: every message that the page explains is provoked here, on real mounts, or is
# shown by the test that this script names. The page has the number or word of every kind of failure.
. "$(dirname "$0")/own_namespace.inc"
. "$(dirname "$0")/lib.sh"
require_own_namespace
expect_errors
require dot setpriv

page=$SOURCE_DIR/docs/troubleshooting.md
example=oci:$SOURCE_DIR/examples/multi-arch
programs=$(dirname "$DIGESTFS")
said=$work/said # all messages, of all programs
export LC_ALL=C.UTF-8 XDG_CACHE_HOME=$work/home-cache
unset REGISTRY_AUTH_FILE DOCKER_CONFIG DOCKER_AUTH_CONFIG
unset HTTPS_PROXY https_proxy HTTP_PROXY http_proxy ALL_PROXY all_proxy NO_PROXY no_proxy

# provoke STATUS COMMAND…: it fails with that status, and what it says is kept.
provoke() {
  local expected=$1 status=0
  shift
  "$@" >>"$said" 2>&1 </dev/null || status=$?
  [[ $status == "$expected" ]] || fail "exit status of $*: $status and not $expected: $(tail -n 3 "$said")"
}

# refuse STATUS ARGUMENT…: digestfs does not mount.
refuse() { provoke "$1" "$DIGESTFS" --cache-dir "$cache" --timeout 1 "${@:2}"; }

# elsewhere MESSAGE FILE TEXT: the test that provokes the message has this text in that file.
declare -A elsewhere=()
elsewhere() {
  grep -qF -- "$3" "$SOURCE_DIR/tests/$2" || fail "$2 does not test '$1'"
  elsewhere[$1]=$2
}

companion() { provoke "$1" "$programs/digestfs-$2" "${@:3}"; }

# --- registries that fail -------------------------------------------------------------------------

python3 "$SOURCE_DIR/tests/support/failing_registry.py" "$SOURCE_DIR/examples/multi-arch" "$work/port" \
  2>"$work/asked" &
registry_of_failures=$!
started "$registry_of_failures"
python3 -u -m http.server --bind 127.0.0.1 --directory "$mnt" 0 >"$work/web" 2>&1 &
started $!
eventually 30 test -s "$work/port" || fail 'the failing registry does not start'
eventually 30 grep -q port "$work/web" || fail 'the web server does not start'
failing=$(<"$work/port")
web=127.0.0.1:$(grep -oP 'port \K[0-9]+' "$work/web")

# All at once: those that wait, wait together.
others=()
aside() {
  "$@" &
  others+=($!)
}
for repository in "12 denied" "12 private" "13 limited" "13 broken" "13 silent" "11 absent"; do
  aside refuse "${repository% *}" "$failing/${repository#* }" "$mnt"
done
aside refuse 12 --creds user:wrong "$failing/private" "$mnt"
aside refuse 12 --authfile "$SOURCE_DIR/README.md" "$failing/private" "$mnt"
aside refuse 11 "$failing/a:absent" "$mnt"
aside refuse 13 127.0.0.1:1/a/b "$mnt"
aside refuse 13 nowhere.invalid/a/b "$mnt"
aside refuse 13 "$web/a/b" "$mnt"
aside refuse 2 "$failing/" "$mnt"
aside refuse 2 --log-file= "$failing/a" "$mnt"
aside refuse 1 --log-file "$work/none/log" "$failing/a" "$mnt"

mount_at "$work/a" "$failing/a" --timeout 1
for tag in denied broken silent large absent; do
  aside provoke 1 cat "$work/a/tags/$tag/manifest.json"
done
mount_at "$work/wrong" "$failing/wrong"
aside provoke 1 cat "$work/wrong/tags/demo-x86_64/layers/00/blob"
aside companion 1 check "$work/wrong/tags/demo-x86_64"
aside companion 1 check "$work/a/tags/large"
for tag in denied broken; do aside companion 2 check "$work/a/tags/$tag"; done
for pid in "${others[@]}"; do wait "$pid" || fail 'a failure was another than expected'; done
provoke 1 cat "$work/a/tags/limited/manifest.json"
provoke 1 cat "$work/a/tags/demo/manifest.json" # the registry is left alone for now
companion 2 check "$work/a/tags/demo"
cat "$work/wrong/.digestfs/problems.jsonl" >>"$said"
unmount "$work/wrong"
unmount "$work/a"

# --- what cannot be mounted -----------------------------------------------------------------------

mkdir "$work"/{empty,full}
refuse 2
refuse 2 "$example"
refuse 2 "$example" "$mnt" more
refuse 2 --nothing "$example" "$mnt"
for option in cache-size=x cache-size=1 jobs=0 offline=perhaps platform=x log-level=x creds=: \
  "creds=user:password --authfile=$page"; do
  # shellcheck disable=SC2086 # words
  refuse 2 --$option "$example" "$mnt"
done
refuse 2 -o nothing "$example" "$mnt"
refuse 2 -o remount "$example" "$mnt"
refuse 2 ostree:x "$mnt"
refuse 2 "$example:demo" "$mnt"
refuse 2 'quay.io/A B' "$mnt"
for source in oci dir registry-storage; do refuse 11 "$source:$work/empty" "$mnt"; done
refuse 11 "registry-storage:$work/none" "$mnt"
refuse 11 "oci-archive:$work/none" "$mnt"
refuse 11 "containers-storage:[overlay@$work/none+$work/run]" "$mnt"
refuse 1 "docker-archive:$page" "$mnt"
tar -C "${example#oci:}" -cf "$work/example.tar" .
refuse 11 "docker-archive:$work/example.tar" "$mnt"
refuse 1 --cert-dir "$work/none" "$failing/a" "$mnt"
refuse 10 "$example" "$work/none"
refuse 10 "$example" "$page"
provoke 14 "$DIGESTFS" --cache-dir "$page" "$example" "$mnt"
mkdir "$work/somebody" && chown 12345 "$work/somebody"
provoke 14 "$DIGESTFS" --cache-dir "$work/somebody" "$example" "$mnt"

# with_devices MODE COMMAND…: runs it where only /dev/null is, and /dev/fuse with that mode or, with
# "none", no /dev/fuse; and where /etc/fuse.conf says nothing.
: >"$work/fuse.conf"
with_devices() {
  # shellcheck disable=SC2016 # they are the inner shell's
  unshare --mount sh -ec 'umount --all --lazy --no-canonicalize --types fuse.digestfs
    if [ -e /etc/fuse.conf ]; then mount --bind "$1" /etc/fuse.conf; fi
    mount -t tmpfs dev /dev && chmod 755 /dev && mknod -m 666 /dev/null c 1 3
    [ "$2" = none ] || mknod -m "$2" /dev/fuse c 10 229
    shift 2 && exec "$@"' sh "$work/fuse.conf" "$@"
}
provoke 10 with_devices none "$DIGESTFS" --cache-dir "$cache" "$example" "$mnt"

# As somebody who is not root.
chmod 711 "$work"
cp "$DIGESTFS" "$work/digestfs"
cp -r "${example#oci:}" "$work/example"
somebody=(setpriv --reuid 12345 --regid 12345 --clear-groups env -i PATH="$PATH")
mkdir "$work/own" && chown 12345 "$work/own"
provoke 2 "${somebody[@]}" "$work/digestfs" "oci:$work/example" "$work/own"
as_somebody=("${somebody[@]}" "$work/digestfs" --cache-dir "$work/somebody/cache")
provoke 10 with_devices 600 "${as_somebody[@]}" "oci:$work/example" "$work/own"
provoke 10 with_devices 666 "${as_somebody[@]}" "oci:$work/example" "$mnt"
provoke 10 with_devices 666 "${as_somebody[@]}" -o allow_other "oci:$work/example" "$work/own"

: >"$work/asked"
"$DIGESTFS" --cache-dir "$cache" --timeout 600 "$failing/silent" "$mnt" >>"$said" 2>&1 &
pid=$!
started "$pid"
eventually 10 grep -q silent "$work/asked" || fail 'digestfs asks no registry'
kill -TERM "$pid"
wait "$pid" && fail 'a start that was ended exits 0'

# --- a mount ----------------------------------------------------------------------------------------

chmod 777 "$work/full"
XDG_RUNTIME_DIR=$work/none cache=$work/full mount_source "$failing/a"
provoke 2 "${somebody[@]}" ls "$mnt"
provoke 1 touch "$mnt/tags/new"
(cd "$mnt" && provoke 1 fusermount3 -u "$mnt")
ls "$mnt/tags" >/dev/null
unmount

mount_source "$example"
tags=$mnt/tags
companion 2 images "$work"
companion 2 images "$tags/demo"
companion 2 images "$work/none"
companion 2 graph "$work"
companion 2 graph "$mnt"
companion 2 compare "$tags/demo" "$work"
companion 2 compare --files "$tags/demo" "$tags/demo-x86_64"
companion 1 check --platform linux/s390x --label vendor "$tags/demo"
provoke 2 env PATH=/nowhere "$programs/digestfs-graph" --svg "$tags/demo"
provoke 2 sh -c "'$programs/digestfs-images' '$mnt' >/dev/full"
cache_dir=(--cache-dir "$cache")
companion 1 cache "${cache_dir[@]}" path "sha256:$(printf '0%.0s' {1..64})"
companion 2 cache --cache-dir "$work/none" list
companion 2 cache --cache-dir "$work/empty" list
companion 2 cache "${cache_dir[@]}" prune
companion 2 cache "${cache_dir[@]}" prune --older-than x
companion 2 cache "${cache_dir[@]}" nothing
companion 2 cache "${cache_dir[@]}" path x
# A file of the cache that somebody has changed.
cat "$tags"/demo-x86_64/layers/00/blob >/dev/null
blob=$(cd "$tags/demo-x86_64/layers/00" && basename "$(readlink blob)")
await_names "$cache"
unmount
chmod u+w "$cache/blobs/${blob/://}"
echo changed >"$cache/blobs/${blob/://}"
companion 1 cache "${cache_dir[@]}" verify
echo changed >"$cache/blobs/${blob/://}"
mount_source "$example"
cat "$mnt/blobs/$blob" >/dev/null
cat "$mnt/.digestfs/problems.jsonl" >>"$said"
kill -KILL "$(daemon_pid)"
wait "$(daemon_pid)" 2>/dev/null || true
provoke 2 ls "$mnt"
refuse 10 "$example" "$mnt"
companion 2 check "$tags/demo"
fusermount3 -u "$mnt"
unset "daemons[$mnt]"

# What is in the way in the cache, and a registry that is gone while its tags are known.
rm -rf "$cache/layers"
touch "$cache/layers"
kill -KILL "$registry_of_failures"
wait "$registry_of_failures" 2>/dev/null || true
mount_source "$failing/a" --timeout 1
ls "$mnt/tags" >/dev/null
unmount
mount_source "$example"
cat "$tags"/demo-x86_64/layers/01/diff >/dev/null
unmount

# --- the page ---------------------------------------------------------------------------------------

errors=fs/fuse/errors_test.cc
elsewhere 'Operation not supported' "$errors" EOPNOTSUPP
elsewhere 'Cannot allocate memory' "$errors" ENOMEM
elsewhere 'Interrupted system call' "$errors" EINTR
elsewhere 'Too many open files' "$errors" EMFILE
elsewhere 'No space left on device' mount/full_disk.sh 'No space left on device'
elsewhere 'SSL certificate problem: …' mount/certificates.sh 'refused 13 certificate'
elsewhere 'the proxy answered …' registry/http/failure_test.cc 'the proxy answered 407'
elsewhere 'a credential helper fails; what it said before is used …' \
  registry/auth/credentials_test.cc A15AreWhatAHelperSaidBeforeItFailed
elsewhere '… in the cache was damaged, and was made anew' mount/later_mount.sh \
  'in the cache was damaged, and was made anew'
elsewhere 'it decompresses to …' mount/companions.sh 'it decompresses to '
elsewhere 'the index says that it is for …, but its config says …' mount/companions.sh \
  'the index says that it is for linux/arm64, but its config says linux/amd64'

cat "$log" >>"$said"
messages=0
# shellcheck disable=SC2016 # the quotes of Markdown
while IFS= read -r message; do
  messages=$((messages + 1))
  [[ -z ${elsewhere[$message]:-} ]] || { unset "elsewhere[$message]" && continue; }
  # cxxopts has other quotes since 3.2.
  pattern=$(sed -e 's/[][\.*^$]/\\&/g' -e 's/…/.*/g' -e "s/‘\|’/\\\\(‘\\\\|’\\\\|'\\\\)/g" <<<"$message")
  grep -q -- "$pattern" "$said" || fail "nothing says what the page explains: $message"
done < <(sed -nE 's/^\| `([^`]* [^`]*)` \|.*/\1/p' "$page")
((messages > 90)) || fail "the page explains only $messages messages"
((${#elsewhere[@]} == 0)) || fail "the page does not explain: ${!elsewhere[*]}"

# Each exit status and each error number has its line.
while read -r status; do
  grep -q "^| $status | " "$page" || fail "the page does not explain the exit status $status"
done < <(sed -n '/^enum class ExitCode/,/^}/s/.*= \([0-9]*\),/\1/p' "$SOURCE_DIR/tools/exit_code.h")
while read -r number; do
  grep -q " $number: " "$page" || fail "the page does not explain $number"
done < <(grep -oP 'return \KE[A-Z]+' "$SOURCE_DIR/fs/fuse/error_number.cc" | sort -u)
