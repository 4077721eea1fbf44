#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Registries that do not serve everybody, with what `skopeo login` and `podman login` leave: a
# docker-registry with TLS and htpasswd, and one with a token server (AUTH-*, CRED-*, TLS-1).
. "$(dirname "$0")/lib.sh"
expect_errors
. "$(dirname "$0")/certificates.inc"
require skopeo podman

export XDG_RUNTIME_DIR=$work/runtime XDG_CONFIG_HOME=$work/config HOME=$work/home
unset REGISTRY_AUTH_FILE DOCKER_CONFIG DOCKER_AUTH_CONFIG
mkdir -p "$XDG_RUNTIME_DIR" "$XDG_CONFIG_HOME" "$HOME/.docker"
auth_json=$XDG_RUNTIME_DIR/containers/auth.json

authority ca
certificate tls ca subjectAltName=IP:127.0.0.1
# Python has no crypt(3) since 3.13. docker-registry knows bcrypt only, here with the least work, and
# with a salt of zeros.
# shellcheck disable=SC2016 # $2b$ is bcrypt's
perl -e 'print "$ARGV[0]:", crypt($ARGV[1], q($2b$04$) . "." x 22), "\n"' "$user" "$password" \
  >"$work/htpasswd"

# shown OPTION…: it can be mounted and read.
shown() {
  rm -rf "$cache"
  mount_source "$registry/a/b" "$@"
  sha256sum "$mnt"/tags/t/layers/00/{blob,diff} >/dev/null
  unmount
}

# no_secret: nothing of it is where it could be read.
no_secret() {
  local secret
  for secret in "$password" "$(printf %s "$user:$password" | base64)" "$identity"; do
    ! grep -rqF -- "$secret" "$log" "$work/stderr" "$cache" || fail "a secret is in a log or the cache"
  done
}

# lists WHAT OPTION…: somebody who names only the registry is told what it has, or why not.
lists() {
  local what=$1
  shift
  expect_status 2 "$DIGESTFS" "$@" "$registry/" "$mnt" 2>"$work/stderr"
  grep -qxF -- "$what" "$work/stderr" || fail "unexpected message: $(cat "$work/stderr")"
}

push() {
  skopeo copy -q --dest-tls-verify=false --dest-creds "$user:$password" \
    "oci:$SOURCE_DIR/examples/multi-arch:demo-x86_64" "docker://$registry/a/b:t"
}

# --- Basic ----------------------------------------------------------------------------------------
tls_registry 127.0.0.1 tls '' "auth: {htpasswd: {realm: test, path: $work/htpasswd}}"
push
refused 12 "$auth_json"  # nobody is logged in
refused 12 '--creds' --creds "$user:wrong"
shown --creds "$user:$password" --log-level debug
lists "  $registry/a/b" --creds "$user:$password"
lists "digestfs: $registry/ is a registry; SOURCE must name one of its repositories" --offline
printf '%s\n' "$password" | "$DIGESTFS" --cache-dir "$work/typed" --creds "$user" "$registry/a/b" "$mnt"
[[ -s $mnt/tags/t/manifest.json ]] || fail 'a password that was typed'
fusermount3 -u "$mnt"
skopeo login --tls-verify=false -u "$user" -p "$password" "$registry" >/dev/null
[[ -s $auth_json ]] || fail 'skopeo left its login elsewhere'
shown --log-level debug
# What is more specific goes first (CRED-2), and is named where it is wrong.
cp "$auth_json" "$work/good.json"
jq --arg key "$registry/a" '.auths[$key] = {auth: ("nobody:x" | @base64)}' "$work/good.json" >"$auth_json"
refused 12 "$auth_json"
rm "$auth_json"
podman login --tls-verify=false --authfile "$work/podman.json" -u "$user" -p "$password" \
  "$registry" >/dev/null
shown --authfile "$work/podman.json"
REGISTRY_AUTH_FILE=$work/podman.json shown
podman login --tls-verify=false -u "$user" -p "$password" "$registry" >/dev/null
[[ -s $auth_json ]] || fail 'podman left its login elsewhere'
shown
rm "$auth_json"
refused 12 "$work/none.json" --authfile "$work/none.json"
echo '{"auths": ' >"$work/broken.json"
refused 12 "$work/broken.json" --authfile "$work/broken.json"

# A helper, as docker has them: it is asked for this registry, once, and its failures are named.
mkdir "$work/bin"
export PATH=$work/bin:$PATH
cat >"$work/bin/docker-credential-test" <<HELPER
#!/bin/sh
echo "\$1 \$(cat)" >>"$work/helper.log"
printf '{"ServerURL":"x","Username":"%s","Secret":"%s"}\n' '$user' '$password'
HELPER
chmod +x "$work/bin/docker-credential-test"
echo '{"auths": {"'"$registry"'": {}}, "credsStore": "test"}' >"$HOME/.docker/config.json"
shown
expect_eq "$(cat "$work/helper.log")" "get $registry"
echo '{"credHelpers": {"'"$registry"'": "missing"}}' >"$HOME/.docker/config.json"
refused 12 docker-credential-missing
printf '#!/bin/sh\necho "credentials not found in native keychain"; exit 1\n' \
  >"$work/bin/docker-credential-test"
echo '{"credsStore": "test"}' >"$HOME/.docker/config.json"
refused 12 'no credentials'
rm "$HOME/.docker/config.json"
no_secret

# Somebody who logs in while it is mounted need not mount again (CRED-8).
cp "$work/good.json" "$auth_json"
rm -rf "$cache"
mount_source "$registry/a/b"
echo '{}' >"$auth_json"
expect_status 1 cat "$mnt/tags/t/layers/00/blob" >/dev/null 2>&1
cp "$work/good.json" "$auth_json"
again() { cat "$mnt/tags/t/layers/00/blob" >/dev/null 2>&1; }
eventually 20 again || fail 'the login is not seen'
unmount
rm "$auth_json"

# --- tokens ---------------------------------------------------------------------------------------
token_server tls
realm=http://$realm

# It speaks plain http, so the registry does too: what is encrypted leads to nothing that is not.
cat >"$work/token.yml" <<YAML
version: 0.1
storage: {filesystem: {rootdirectory: $work/storage}}
http: {addr: "127.0.0.1:0"}
auth: {token: {realm: "$realm", service: test, issuer: test, rootcertbundle: $work/ca.crt}}
YAML
: >"$work/token.log"
docker-registry serve "$work/token.yml" >/dev/null 2>"$work/token.log" &
started $!
eventually 30 grep -q 'listening on' "$work/token.log" || fail "docker-registry: $(cat "$work/token.log")"
registry=$(sed -n 's/.*msg="listening on \([0-9.:]*\)".*/\1/p' "$work/token.log")
: >"$work/tokens.log"
refused 12 'no credentials'
expect_eq "$(sort -u "$work/tokens.log")" 'GET anonymous 200'
refused 12 'no token' --creds "$user:wrong"
: >"$work/tokens.log"
shown --creds "$user:$password"
expect_eq "$(cat "$work/tokens.log")" 'GET basic 200' 'one token for all of it'
lists "  $registry/a/b" --creds "$user:$password"
skopeo login --tls-verify=false -u "$user" -p "$password" "$registry" >/dev/null
shown
: >"$work/tokens.log"
jq -n --arg host "$registry" --arg token "$identity" \
  '{auths: {($host): {identitytoken: $token}}}' >"$auth_json"
shown
expect_eq "$(cat "$work/tokens.log")" 'POST identity 200'
no_secret

# A token server that has TLS from the authority that is kept for the registry, as GitLab's (TLS-1).
address=$(off_loopback)
if [[ -n $address ]]; then
  rm "$auth_json"
  certificate far ca "subjectAltName=IP:$address"
  token_server far "$address"
  tls_registry "$address" far '' \
    "auth: {token: {realm: \"https://$realm\", service: test, issuer: test, rootcertbundle: $work/ca.crt}}"
  mkdir -p "$work/ours"
  cp "$work/ca.crt" "$work/ours/"
  : >"$work/tokens.log"
  refused 13 certificate --creds "$user:$password"
  shown --creds "$user:$password" --cert-dir "$work/ours"
  expect_eq "$(cat "$work/tokens.log")" 'GET basic 200'
  no_secret
else
  echo 'not shown: a token server with TLS; this machine has no address off loopback'
fi
