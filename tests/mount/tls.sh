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
