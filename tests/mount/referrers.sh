#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# referrers/ on a real registry: what refers to an image by the fallback tag, as oras leaves it on a
# registry without the referrers API (EP-12), and by the tags that cosign makes (EP-13).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/images.inc"

require curl
start_registry
push_images test/images
api=http://$registry/v2/test/images

# put_blob TEXT: prints its digest.
put_blob() {
  local digest upload
  digest=sha256:$(printf %s "$1" | sha256sum | cut -d ' ' -f 1)
  upload=$(curl -sSf -i -X POST "$api/blobs/uploads/" | tr -d '\r' | sed -n 's/^Location: //ip')
  [[ $upload == *\?* ]] && upload+="&digest=$digest" || upload+="?digest=$digest"
  curl -sSf -X PUT -H 'Content-Type: application/octet-stream' --data-binary "$1" "$upload"
  echo "$digest"
}

# put_manifest TAG TYPE TEXT: prints its digest.
put_manifest() {
  curl -sSf -X PUT -H "Content-Type: $2" --data-binary "$3" "$api/manifests/$1"
  echo "sha256:$(printf %s "$3" | sha256sum | cut -d ' ' -f 1)"
}

oci=application/vnd.oci
subject=$(curl -sSfI -H "Accept: $oci.image.manifest.v1+json" "$api/manifests/amd64" |
  tr -d '\r' | sed -n 's/^Docker-Content-Digest: //ip')
empty=$(put_blob '{}')
# artifact TAG CONTENT SUBJECT
artifact() {
  local blob manifest
  blob=$(put_blob "$2")
  manifest=$(jq -cn --arg oci "$oci" --arg empty "$empty" --arg blob "$blob" --arg of "$3" \
    --argjson size "${#2}" '
    {schemaVersion: 2, mediaType: "\($oci).image.manifest.v1+json",
     artifactType: "application/vnd.test.signature",
     config: {mediaType: "\($oci).empty.v1+json", digest: $empty, size: 2},
     layers: [{mediaType: "application/vnd.test", digest: $blob, size: $size,
               annotations: {"org.opencontainers.image.title": "statement.txt"}}],
     subject: {mediaType: "\($oci).image.manifest.v1+json", digest: $of, size: 1}}')
  put_manifest "$1" "$oci.image.manifest.v1+json" "$manifest"
}
true_one=$(artifact true 'it is good' "$subject")
false_one=$(artifact false 'it is another' "sha256:$(printf '%064d' 1)")
signature=$(artifact "${subject/:/-}.sig" 'signed' "$subject")
put_manifest "${subject/:/-}" "$oci.image.index.v1+json" "$(
  jq -cn --arg oci "$oci" --arg one "$true_one" --arg two "$false_one" '
    {schemaVersion: 2, mediaType: "\($oci).image.index.v1+json",
     manifests: [$one, $two | {mediaType: "\($oci).image.manifest.v1+json", digest: ., size: 1}]}'
)" >/dev/null

mount_source "$registry/test/images"
expect_eq "$(ls "$mnt/tags/amd64/referrers")" "$(printf '%s\n' "$true_one" "$signature" | sort)"
expect_eq "$(cat "$mnt/tags/amd64/referrers/$true_one/files/statement.txt")" 'it is good'
expect_eq "$(jq -r .subject.digest "$mnt/tags/amd64/referrers/$signature/manifest.json")" "$subject"
expect_eq "$(jq -r "select(.object == \"$false_one\") | .kind" "$mnt/.digestfs/problems.jsonl")" \
  $'size-mismatch\nbad-document' 'what is said of the one about another image'
expect_eq "$(ls "$mnt/tags/arm64/referrers")" '' 'what refers to an image that nobody signed'
[[ -d $mnt/tags/${subject/:/-}.sig ]] || fail 'the tag of the signature is gone'

# And a signature that comes later is there once the tag's time is over.
unmount
mount_source "$registry/test/images" --tag-ttl 1
expect_eq "$(ls "$mnt/tags/plain/referrers")" ''
plain=$(basename "$(readlink "$mnt/tags/plain/manifest.json")")
later=$(artifact "${plain/:/-}.sig" 'signed later' "$plain")
is_there() { [[ $(ls "$mnt/tags/plain/referrers") == "$later" ]]; }
eventually 20 is_there || fail "referrers/ shows $(ls "$mnt/tags/plain/referrers")"
unmount
