#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Certificates that a user keeps for a registry (TLS-1, L11), and doing without (TLS-3). The registry
# is at an address of this machine that is not loopback, where certificates count.
. "$(dirname "$0")/lib.sh"
expect_errors
. "$(dirname "$0")/certificates.inc"
address=$(off_loopback)
require skopeo
[[ -n $address ]] || skip 'this machine has no address but loopback'

export HOME=$work/home XDG_CONFIG_HOME=$work/config
example=oci:$SOURCE_DIR/examples/multi-arch

shown() {
  rm -rf "$cache"
  mount_source "$registry/a/b" "$@"
  sha256sum "$mnt"/tags/t/layers/00/{blob,diff} >/dev/null
  unmount
}

authority ours
authority other
certificate good ours "subjectAltName=IP:$address"
certificate elsewhere ours 'subjectAltName=DNS:elsewhere.example'
certificate expired ours "subjectAltName=IP:$address" 0
certificate client ours 'extendedKeyUsage=clientAuth'

tls_registry "$address" good
skopeo copy -q --dest-tls-verify=false "$example:demo-x86_64" "docker://$registry/a/b:t"
refused 13 certificate
mkdir -p "$work/ours" "$work/wrong"
cp "$work/ours.crt" "$work/ours/"
cp "$work/other.crt" "$work/wrong/"
shown --cert-dir "$work/ours"
refused 13 certificate --cert-dir "$work/wrong"  # another authority's
refused 1 "$work/none" --cert-dir "$work/none"
shown --tls-verify=false
shown -o tls-verify=false
# What is kept for the host and port, and for no other.
mkdir -p "$XDG_CONFIG_HOME/containers/certs.d/$registry"
cp "$work/ours.crt" "$XDG_CONFIG_HOME/containers/certs.d/$registry/"
shown
SSL_CERT_FILE=$work/ours.crt shown --cert-dir "$work/wrong"  # beside the system's, not instead
# Half a pair is named, whichever half it is.
cp "$work/client.crt" "$XDG_CONFIG_HOME/containers/certs.d/$registry/client.cert"
refused 1 client.key
mv "$XDG_CONFIG_HOME/containers/certs.d/$registry/client."{cert,key}
refused 1 client.cert

tls_registry "$address" elsewhere
refused 13 'certificate\|name' --cert-dir "$work/ours"
tls_registry "$address" expired
refused 13 'certificate\|expired' --cert-dir "$work/ours"

# The system's own authorities: each in a file that is named by a hash, or in its one file alone.
# shellcheck disable=SC2016 # the shell inside expands them
trusted() {
  unshare --mount bash -euc '
    mount --bind "$1/system" /etc/ssl/certs
    "$2" --cache-dir "$1/of-system" "$3" "$1/mnt"
    ls "$1/mnt/tags/t/" >/dev/null
    fusermount3 -u "$1/mnt"' - "$work" "$DIGESTFS" "$registry/a/b" 2>>"$log"
}
by_hash() { cp "$work/$1.crt" "$work/system/$(openssl x509 -noout -hash -in "$work/$1.crt").0"; }
if unshare --mount true 2>/dev/null; then
  tls_registry "$address" good
  mkdir "$work/system"
  by_hash other
  cp "$work/other.crt" "$work/system/ca-certificates.crt"
  expect_status 13 trusted
  cp "$work/ours.crt" "$work/system/ca-certificates.crt"
  trusted
  by_hash ours
  : >"$work/system/ca-certificates.crt"
  trusted
fi

# A registry that wants to know who asks.
tls_registry "$address" good ", clientcas: [$work/ours.crt]"
refused 13 . --cert-dir "$work/ours"
cp "$work/client.crt" "$work/ours/client.cert"
cp "$work/client.key" "$work/ours/"
shown --cert-dir "$work/ours"

# Plain http is only for those who say so.
registry=$address:0
start_registry
skopeo copy -q --dest-tls-verify=false "$example:demo-x86_64" "docker://$registry/a/b:t"
forget_requests
refused 13 .
expect_eq "$(requests 'GET /v2/')" 0 'requests in plain http'
shown --tls-verify=false
