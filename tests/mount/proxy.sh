#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A registry behind a proxy (PRX-1, PRX-2, L12): by the variables that Go's clients go by.
. "$(dirname "$0")/lib.sh"
expect_errors
. "$(dirname "$0")/certificates.inc"
address=$(off_loopback)
[[ -n $address ]] || skip 'this machine has no address but loopback'
require python3 skopeo
unset HTTPS_PROXY https_proxy HTTP_PROXY http_proxy ALL_PROXY all_proxy NO_PROXY no_proxy
example=oci:$SOURCE_DIR/examples/multi-arch

# start_proxy NAME [STATUS]: sets $proxy, and $tunnels, where it lists what it is asked for.
start_proxy() {
  tunnels=$work/tunnels-$1
  : >"$tunnels"
  python3 "$SOURCE_DIR/tests/support/proxy.py" "$tunnels" ${2:+"$2"} >"$work/proxy-$1" 2>"$work/proxy.err" &
  started $!
  eventually 30 test -s "$work/proxy-$1" || fail "the proxy does not start: $(cat "$work/proxy.err")"
  proxy=127.0.0.1:$(cat "$work/proxy-$1")
}

# through N: a mount with the environment as it is shows the image, with N tunnels or more, or none.
through() {
  : >"$tunnels"
  rm -rf "$cache"
  mount_source "$registry/a/b" --cert-dir "$work/ours"
  expect_eq "$(sha256sum <"$mnt/tags/t/layers/00/blob")" "$good" 'the first layer'
  unmount
  case $1 in
    0) expect_eq "$(cat "$tunnels")" '' 'what the proxy was asked for' ;;
    *) grep -q "^$registry " "$tunnels" || fail "the proxy was asked for: $(cat "$tunnels")" ;;
  esac
}

authority ours
certificate good ours "subjectAltName=IP:$address"
tls_registry "$address" good
mkdir "$work/ours"
cp "$work/ours.crt" "$work/ours/"
skopeo copy -q --dest-tls-verify=false "$example:demo-x86_64" "docker://$registry/a/b:t"
layer=$(skopeo inspect --raw "$example:demo-x86_64" | jq -r '.layers[0].digest')
good="${layer#sha256:}  -"

start_proxy good
through 0
HTTPS_PROXY=http://$proxy through 1
https_proxy=$proxy through 1
ALL_PROXY=http://$proxy through 1
HTTP_PROXY=http://$proxy through 0 # it is for plain http
HTTPS_PROXY=http://me:proxy-secret@$proxy through 1
grep -q "^$registry me:proxy-secret\$" "$tunnels" || fail 'the proxy was not told who asks'
for none in "$address" "${address%.*}.0/24" "$registry" '*' "elsewhere.example,$address"; do
  HTTPS_PROXY=http://$proxy NO_PROXY=$none through 0
done
HTTPS_PROXY=http://$proxy NO_PROXY=elsewhere.example,10.255.255.0/24,$address:1 through 1

# What the proxy does is said of the proxy, by a name without its password.
for status in 407 502; do
  start_proxy "$status" "$status"
  exit_status=13
  [[ $status != 407 ]] || exit_status=12
  HTTPS_PROXY=http://me:proxy-secret@$proxy refused "$exit_status" "$status.*through the proxy http://$proxy" \
    --cert-dir "$work/ours"
  if grep -q proxy-secret "$work/stderr"; then fail "the password is shown: $(cat "$work/stderr")"; fi
done
HTTPS_PROXY='http://me:proxy secret@127.0.0.1:1' refused 13 'through the proxy' --cert-dir "$work/ours"
if grep -q 'proxy secret' "$work/stderr"; then fail "the password is shown: $(cat "$work/stderr")"; fi
HTTPS_PROXY=http://127.0.0.1:1 refused 13 'through the proxy http://127.0.0.1:1' \
  --cert-dir "$work/ours"
