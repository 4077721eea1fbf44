#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# https to real registries. A loopback host may have any certificate (TLS-4); any other must have
# one that the system's authorities vouch for, and is never asked in plain http instead (TLS-3).
#
# The authorities are the system's file. For the test to have one of its own among them, without
# changing the machine, it runs in a mount namespace with another file in that place.
. "$(dirname "$0")/own_namespace.inc"
. "$(dirname "$0")/lib.sh"
expect_errors
. "$(dirname "$0")/certificates.inc"
require skopeo

authorities=/etc/ssl/certs/ca-certificates.crt
example=oci:$SOURCE_DIR/examples/multi-arch

authority ca
certificate loopback ca subjectAltName=DNS:elsewhere.example
tls_registry 127.0.0.1 loopback
skopeo copy -q --dest-tls-verify=false "$example:demo-x86_64" "docker://$registry/a/b:t"
mount_source "$registry/a/b"
cmp <(skopeo inspect --raw --tls-verify=false "docker://$registry/a/b:t") "$mnt/tags/t/manifest.json"
sha256sum "$mnt"/tags/t/layers/00/{blob,diff} >/dev/null
unmount

# By another name it is like any other registry, which is believed by its certificate; but it may
# lead to a token server of the network that it answers from (AUTH-14).
if [[ -n ${DIGESTFS_IN_NAMESPACE:-} ]]; then
  cp /etc/hosts "$work/hosts"
  echo '127.0.0.1 registry.test' >>"$work/hosts"
  mount --bind "$work/hosts" /etc/hosts
  certificate named ca subjectAltName=DNS:registry.test,IP:127.0.0.1
  token_server named 127.0.0.1
  tls_registry 127.0.0.1 named '' \
    "auth: {token: {realm: \"https://$realm\", service: test, issuer: test, rootcertbundle: $work/ca.crt}}"
  registry=registry.test:${registry##*:}
  mkdir "$work/ours"
  cp "$work/ca.crt" "$work/ours/"
  mount_source "$registry/a/b" --cert-dir "$work/ours" --creds "$user:$password"
  sha256sum "$mnt"/tags/t/layers/00/{blob,diff} >/dev/null
  unmount
  expect_eq "$(cat "$work/tokens.log")" 'GET basic 200'
  refused 13 certificate --creds "$user:$password"
  umount /etc/hosts
fi

# Another address of this machine is not loopback, though what is sent to it does not leave it.
address=$(off_loopback)
[[ -n $address && -n ${DIGESTFS_IN_NAMESPACE:-} && -f $authorities ]] || exit 0

certificate public ca "subjectAltName=IP:$address"
certificate wrong ca subjectAltName=DNS:elsewhere.example
cat "$authorities" "$work/ca.crt" >"$work/authorities"

tls_registry "$address" public
refused 13 certificate  # nobody vouches for it

mount --bind "$work/authorities" "$authorities"
mount_source "$registry/a/b"
sha256sum "$mnt"/tags/t/layers/00/{blob,diff} >/dev/null
unmount
tls_registry "$address" wrong
refused 13 'certificate\|name'  # the wrong host

# Plain http is not tried.
registry=$address:0
start_registry
refused 13 .
expect_eq "$(requests 'GET /v2/')" 0 'requests in plain http'
umount "$authorities"
