#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# https to real registries. A loopback host may have any certificate (TLS-4); any other must have
# one that the system's authorities vouch for, and is never asked in plain http instead (TLS-3).
#
# The authorities are the system's file. For the test to have one of its own among them, without
# changing the machine, it runs in a mount namespace with another file in that place.
if ((EUID == 0)) && [[ -z ${DIGESTFS_IN_NAMESPACE:-} ]] && unshare --mount true 2>/dev/null; then
  DIGESTFS_IN_NAMESPACE=yes exec unshare --mount "$0"
fi
. "$(dirname "$0")/lib.sh"
expect_errors
require openssl skopeo

authorities=/etc/ssl/certs/ca-certificates.crt
example=oci:$SOURCE_DIR/examples/multi-arch

# certificate NAME SUBJECT-ALTERNATIVE-NAME: signed by the test's own authority.
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/ca.key" -out "$work/ca.crt" \
  -subj '/CN=authority of the test' -days 2 2>>"$work/openssl"
certificate() {
  openssl req -newkey rsa:2048 -nodes -keyout "$work/$1.key" -out "$work/$1.csr" \
    -subj "/CN=$1" 2>>"$work/openssl"
  openssl x509 -req -in "$work/$1.csr" -CA "$work/ca.crt" -CAkey "$work/ca.key" -CAcreateserial \
    -days 2 -extfile <(echo "subjectAltName=$2") -out "$work/$1.crt" 2>>"$work/openssl"
}

# tls_registry HOST CERTIFICATE: a registry with the example in it; sets $registry.
tls_registry() {
  registry=
  registry_log=$work/registry-$2.log
  : >"$registry_log"
  cat >"$work/registry-$2.yml" <<YAML
version: 0.1
storage: {filesystem: {rootdirectory: $work/storage}}
http: {addr: "$1:0", tls: {certificate: $work/$2.crt, key: $work/$2.key}}
YAML
  docker-registry serve "$work/registry-$2.yml" >/dev/null 2>"$registry_log" &
  started $!
  eventually 30 grep -q 'listening on' "$registry_log" || fail 'docker-registry does not start'
  registry=$(sed -n 's/.*msg="listening on \([0-9.:]*\), tls".*/\1/p' "$registry_log")
  [[ -n $registry ]] || fail "no address in $(cat "$registry_log")"
}

require docker-registry
certificate loopback DNS:elsewhere.example
tls_registry 127.0.0.1 loopback
skopeo copy -q --dest-tls-verify=false "$example:demo-x86_64" "docker://$registry/a/b:t"
mount_source "$registry/a/b"
cmp <(skopeo inspect --raw --tls-verify=false "docker://$registry/a/b:t") "$mnt/tags/t/manifest.json"
sha256sum "$mnt"/tags/t/layers/00/{blob,diff} >/dev/null
unmount

# Another address of this machine is not loopback, though what is sent to it does not leave it.
address=$(hostname -I | tr ' ' '\n' | grep -m 1 -E '^[0-9.]+$') || true
[[ -n $address && -n ${DIGESTFS_IN_NAMESPACE:-} && -f $authorities ]] || exit 0

certificate public "IP:$address"
certificate wrong DNS:elsewhere.example
cat "$authorities" "$work/ca.crt" >"$work/authorities"

refused() {
  expect_status 13 "$DIGESTFS" --cache-dir "$work/other" "$registry/a/b" "$mnt" 2>"$work/stderr"
  grep -qi "$1" "$work/stderr" || fail "unexpected message: $(cat "$work/stderr")"
  ! is_mounted "$mnt" || fail 'mounted all the same'
}

tls_registry "$address" public
refused certificate  # nobody vouches for it

mount --bind "$work/authorities" "$authorities"
mount_source "$registry/a/b"
sha256sum "$mnt"/tags/t/layers/00/{blob,diff} >/dev/null
unmount
tls_registry "$address" wrong
refused 'certificate\|name'  # the wrong host

# Plain http is not tried.
registry=$address:0
start_registry
expect_status 13 "$DIGESTFS" --cache-dir "$work/other" "$registry/a/b" "$mnt" 2>"$work/stderr"
expect_eq "$(requests 'GET /v2/')" 0 'requests in plain http'
umount "$authorities"
