#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#     make_registry.sh DIRECTORY
#
# Has skopeo push images to a docker-registry that keeps them in DIRECTORY/storage, and writes to
# DIRECTORY/facts what skopeo says of them: a line `NAME MANIFEST CONFIG` each. The registry ends
# with this script, which ends when its stdin does. The script writes to the fifo DIRECTORY/ready once
# the facts are there. It exits with 77 if that cannot be done on this machine.
set -euo pipefail
directory=$1
exec 3>"$directory/ready"
for program in docker-registry skopeo jq umoci; do command -v "$program" >/dev/null || exit 77; done
cd "$directory"
cat >config.yml <<YML
version: 0.1
storage: {filesystem: {rootdirectory: $directory/storage}, delete: {enabled: true}}
http: {addr: 127.0.0.1:0}
log: {level: info}
YML
: >log
docker-registry serve config.yml >log 2>&1 3>&- </dev/null &
registry=$!
trap 'kill "$registry"; wait "$registry" || true' EXIT
for ((i = 0; i < 200; ++i)); do
  address=$(sed -n 's/.*listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p' log)
  [[ -z $address ]] || break
  kill -0 "$registry" || exit 77
  sleep 0.05
done
umoci init --layout layout >/dev/null
for tag in one two; do
  umoci new --image layout:$tag >/dev/null
  mkdir -p "files/$tag"
  head -c 100000 /dev/urandom >"files/$tag/data"
  umoci insert --image layout:$tag "files/$tag" / >/dev/null
  skopeo copy -q --dest-tls-verify=false "oci:layout:$tag" "docker://$address/test/images:$tag"
done
skopeo copy -q --dest-tls-verify=false oci:layout:one "docker://$address/other:moved"
skopeo copy -q --dest-tls-verify=false oci:layout:two "docker://$address/other:moved"
skopeo copy -q --dest-tls-verify=false oci:layout:one "docker://$address/other:deleted"
skopeo delete --tls-verify=false "docker://$address/other:deleted"
for name in test/images:one test/images:two other:moved; do
  image=docker://$address/$name
  raw=$(skopeo inspect --raw --tls-verify=false "$image" | sha256sum | cut -d ' ' -f 1)
  config=$(skopeo inspect --config --raw --tls-verify=false "$image" | sha256sum |
    cut -d ' ' -f 1)
  echo "$name sha256:$raw sha256:$config"
done >facts
echo >&3
cat >/dev/null
