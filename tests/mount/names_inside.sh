#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A name may stand for an address inside of a network, which the program can reach and the registry
# cannot. A registry that leads to such a name gets nothing done: the address is looked at before
# anything is sent (AUTH-14, EP-8).
#
# The registry has an address of a private network, and what it leads to is on loopback. Both are in
# a network of the test's own, and the names are in a file of its own.
. "$(dirname "$0")/own_namespace.inc"
if [[ -n ${DIGESTFS_IN_NAMESPACE:-} && -z ${DIGESTFS_IN_NETWORK:-} ]] && unshare --net true 2>/dev/null; then
  export DIGESTFS_IN_NETWORK=yes
  exec unshare --net "$0"
fi
. "$(dirname "$0")/lib.sh"
require_own_namespace
[[ -n ${DIGESTFS_IN_NETWORK:-} ]] || skip "needs a network namespace"
require ip
expect_errors

own=10.20.30.40
ip link set lo up
ip address add "$own/32" dev lo
printf '127.0.0.1 localhost inside.example.com\n%s beside.example.com\n' "$own" >"$work/hosts"
mount --bind "$work/hosts" /etc/hosts
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

# start NAME ADDRESS [ELSEWHERE]: a registry; what it is asked for is in $work/NAME.asked.
start() {
  ELSEWHERE=${3:-} python3 "$SOURCE_DIR/tests/support/failing_registry.py" \
    "$SOURCE_DIR/examples/multi-arch" "$work/$1.port" "$2" 2>"$work/$1.asked" &
  started $!
  eventually 30 test -e "$work/$1.port" || fail "the registry $1 does not start"
}
port_of() { sed 's/.*://' "$work/$1.port"; }

start inside 127.0.0.1
start beside "$own"
start leading_inside "$own" "http://inside.example.com:$(port_of inside)"
start leading_beside "$own" "http://beside.example.com:$(port_of beside)"
blob=tags/demo-x86_64/layers/00/blob

# That the names and the servers work at all: what is beside the registry may be where it leads.
mount_source "$(<"$work/leading_beside.port")/astray" --tls-verify=false
expect_eq "sha256:$(sha256sum <"$mnt/$blob")" "$(basename "$(readlink "$mnt/$blob")")  -" 'the blob'
unmount
mount_source "$(<"$work/leading_beside.port")/asking" --tls-verify=false --creds me:secret
unmount
grep -q '^/v2/there/blobs/' "$work/beside.asked" || fail "nothing was read beside the registry"
grep -q '^/v2/token' "$work/beside.asked" || fail "no token was asked for beside the registry"

# Content.
rm -rf "$cache"
mount_source "$(<"$work/leading_inside.port")/astray" --tls-verify=false
status=0
cat "$mnt/$blob" >"$work/read" 2>"$work/stderr" || status=$?
expect_eq "$status" 1 'status of reading a blob that is inside'
expect_eq "$(cat "$work/read")" '' 'what comes of it'
grep -q 'sends us to http://inside.example.com:.*, an address that is not public' "$log" ||
  fail "no word of the address"
unmount

# A token: neither the password nor the question for a token gets there.
status=0
"$DIGESTFS" --cache-dir "$cache" --tls-verify=false --creds me:secret \
  "$(<"$work/leading_inside.port")/asking" "$mnt" 2>"$work/stderr" || status=$?
expect_eq "$status" 12 'status of a mount whose tokens are inside'
grep -q 'sends us to http://inside.example.com:.* for a token, an address that is not public' "$work/stderr" ||
  fail "no word of the address: $(<"$work/stderr")"

expect_eq "$(<"$work/inside.asked")" '' 'what arrived inside'
