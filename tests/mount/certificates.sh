#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Certificates that a user keeps for a registry (TLS-1, L11), and doing without (TLS-3). The registry
# is at an address of this machine that is not loopback, where certificates count.
. "$(dirname "$0")/lib.sh"
expect_errors
require openssl skopeo docker-registry

address=$(hostname -I | tr ' ' '\n' | grep -m 1 -E '^[0-9.]+$') || true
[[ -n $address ]] || skip 'this machine has no address but loopback'
export HOME=$work/home XDG_CONFIG_HOME=$work/config
example=oci:$SOURCE_DIR/examples/multi-arch

# authority NAME, certificate NAME AUTHORITY EXTENSION…: NAME.key and NAME.crt.
authority() {
  openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/$1.key" -out "$work/$1.crt" \
    -subj "/CN=$1" -days 2 2>>"$work/openssl"
}
certificate() {
  openssl req -newkey rsa:2048 -nodes -keyout "$work/$1.key" -out "$work/$1.csr" \
    -subj "/CN=$1" 2>>"$work/openssl"
  openssl x509 -req -in "$work/$1.csr" -CA "$work/$2.crt" -CAkey "$work/$2.key" -CAcreateserial \
    -days "${4:-2}" -extfile <(echo "$3") -out "$work/$1.crt" 2>>"$work/openssl"
}

# tls_registry CERTIFICATE [MORE]: sets $registry.
tls_registry() {
  local file=$work/registry-$1
  cat >"$file.yml" <<YAML
version: 0.1
storage: {filesystem: {rootdirectory: $work/storage}}
http: {addr: "$address:0", tls: {certificate: $work/$1.crt, key: $work/$1.key${2:-}}}
YAML
  : >"$file.log"
  docker-registry serve "$file.yml" >/dev/null 2>"$file.log" &
  started $!
  eventually 30 grep -q 'listening on' "$file.log" || fail 'docker-registry does not start'
  registry=$(sed -n 's/.*msg="listening on \([0-9.:]*\), tls".*/\1/p' "$file.log")
}

# refused STATUS WHAT OPTION…: the mount fails so, and says WHAT.
refused() {
  local status=$1 what=$2
  shift 2
  expect_status "$status" "$DIGESTFS" --cache-dir "$work/other" "$@" "$registry/a/b" "$mnt" \
    2>"$work/stderr"
  grep -qi -- "$what" "$work/stderr" || fail "unexpected message: $(cat "$work/stderr")"
}

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

tls_registry good
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

tls_registry elsewhere
refused 13 'certificate\|name' --cert-dir "$work/ours"
tls_registry expired
refused 13 'certificate\|expired' --cert-dir "$work/ours"

# A registry that wants to know who asks.
tls_registry good ", clientcas: [$work/ours.crt]"
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
