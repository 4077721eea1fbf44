# SPDX-License-Identifier: Apache-2.0
"""Commands that many rows share. Their variables are those of `Lab.variables`."""

MOUNT = '"$digestfs" --cache-dir "$cache" "$registry/$repository" "$mnt"'
FORGET = 'rm -rf "$cache"'
UNMOUNT = 'fusermount3 -u "$mnt"'
# The daemon still tidies up when its mount is gone; nothing of that is to disturb what comes next.
ENDED = 'while pgrep -f -- " $mnt\\$"; do sleep 0.01; done'
END = f"{UNMOUNT}; {ENDED}"
CLEAN = 'rm -rf "$tmp"/*'

LAYER = '"$mnt/tags/t/layers/00/"'
BLOB = '"$mnt/tags/t/layers/00/blob"'
DIFF = '"$mnt/tags/t/layers/00/diff"'
# The tag, the manifest and the config are no part of a first read, so they are looked at before.
COLD = f"{FORGET}; {MOUNT}; ls {LAYER}"
WARM = f"{MOUNT}; ls {LAYER}"

URL = '"http://$registry/v2/$repository/blobs/$blob"'
IMAGE = '"docker://$registry/$repository:t"'
SKOPEO_COPY = "skopeo copy -q --src-tls-verify=false"


def pipe(decompress):
    """The strongest shell: all is hashed and kept as it passes. The sha256sum of coreutils would take
    several times as long as openssl."""
    return (
        f'curl -fsS {URL} | tee "$tmp/blob" >(openssl dgst -sha256 >"$tmp/blob.sum") | '
        f'{decompress} | tee "$tmp/diff" | openssl dgst -sha256 >"$tmp/diff.sum"; wait'
    )
