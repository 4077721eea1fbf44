#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A SIGHUP makes the daemon ask again for tags and lists, whatever --tag-ttl says, and ends nothing.
. "$(dirname "$0")/lib.sh"
require skopeo

example=oci:$SOURCE_DIR/examples/multi-arch
push() { skopeo copy -q --dest-tls-verify=false "$example:$1" "docker://$registry/a/b:$2"; }

start_registry
push demo-x86_64 moving
mount_source "$registry/a/b" --tag-ttl 86400
expect_eq "$(ls "$mnt/tags")" moving
before=$(readlink "$mnt/tags/moving/manifest.json")
# The index of the whole repository is made of the tags.
index_names() { jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' "$mnt/oci/index.json"; }
expect_eq "$(index_names)" moving
push demo-aarch64 moving
push demo-x86_64 other

shows_new() { [[ $(readlink "$mnt/tags/moving/manifest.json") != "$before" ]]; }
lists_new() { [[ $(ls "$mnt/tags") == $'moving\nother' ]]; }
indexes_new() { [[ $(index_names) == $'moving\nother' ]]; }
# Longer than the kernel believes anything that can change.
! eventually 2 shows_new || fail 'the tag was asked for before its time'
! lists_new || fail 'the list was asked for before its time'
! indexes_new || fail 'the index was made anew before its time'

kill -HUP "$(daemon_pid)"
eventually 10 shows_new || fail 'SIGHUP does not make the daemon ask for the tag'
eventually 10 lists_new || fail 'SIGHUP does not make the daemon ask for the list'
eventually 10 indexes_new || fail 'SIGHUP does not make the daemon make the index anew'
is_mounted "$mnt" || fail 'SIGHUP ended the mount'

# What came after the signal is believed as long as ever.
forget_requests
shows_new
expect_eq "$(requests 'HEAD /v2/a/b/manifests/moving')" 0 'questions about a tag that is believed'
unmount
