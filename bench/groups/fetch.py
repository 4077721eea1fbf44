# SPDX-License-Identifier: Apache-2.0
"""The first read of a blob and of a diff: what is there has to be fetched, hashed and kept."""

from lib.rows import Contender, Row, Table

# The tag, the manifest and the config are no part of a first read, so they are looked at before.
MOUNT = (
    'rm -rf "$cache"; "$digestfs" --cache-dir "$cache" "$registry/$repository" "$mnt"; '
    'ls "$mnt/tags/t/layers/00/"'
)
UNMOUNT = 'fusermount3 -u "$mnt"'
URL = '"http://$registry/v2/$repository/blobs/$blob"'
SKOPEO = "skopeo copy -q --src-tls-verify=false"
IMAGE = '"docker://$registry/$repository:t"'
CLEAN = 'rm -rf "$tmp"/*'


def ours(lab, timed):
    return lab.digestfs(timed, before=MOUNT, after=UNMOUNT)


def pipe(decompress):
    """The strongest shell: everything is hashed and kept as it passes. coreutils' sha256sum would be
    half as fast as openssl here."""
    return (
        f"curl -fsS {URL} | tee \"$tmp/blob\" >(openssl dgst -sha256 >\"$tmp/blob.sum\") | "
        f'{decompress} | tee "$tmp/diff" | openssl dgst -sha256 >"$tmp/diff.sum"; wait'
    )


def diff(lab, what, repository, how, decompress):
    return Row(
        what,
        ours(lab, 'head -c 1 "$mnt/tags/t/layers/00/diff"')
        + [
            Contender(f"curl, tee, {decompress.split()[0]}, openssl", pipe(decompress), CLEAN),
            Contender(
                "skopeo copy --dest-decompress",
                f'{SKOPEO} --dest-decompress {IMAGE} "dir:$tmp/copy"',
                CLEAN,
            ),
        ],
        lab.variables(repository, how),
        in_readme=True,
    )


def measure(lab):
    gzip = lab.variables("gzip", "gzip")
    blob = '"$mnt/tags/t/layers/00/blob"'
    rows = lab.measure(
        Row(
            "first read of a blob",
            # One byte is enough: nothing is served before all of it is there and verified.
            ours(lab, f"head -c 1 {blob}")
            + [
                Contender("curl -o", f'curl -fsS -o "$tmp/blob" {URL}', CLEAN),
                Contender("skopeo copy dir:", f'{SKOPEO} {IMAGE} "dir:$tmp/copy"', CLEAN),
            ],
            gzip,
            in_readme=True,
        ),
        diff(lab, "first read of a diff, gzip", "gzip", "gzip", "igzip -d -c"),
        diff(lab, "first read of a diff, zstd", "zstd", "zstd", "zstd -d -c"),
        Row(
            "first byte of a cold blob",
            ours(lab, f"head -c 1 {blob}")
            + [Contender("curl, unverified", f"curl -sS {URL} 2>&1 | head -c 1 || true")],
            gzip,
        ),
        Row(
            "last byte of a cold blob",
            ours(lab, f"cat {blob}") + [Contender("curl, unverified", f"curl -fsS {URL}")],
            gzip,
        ),
    )
    return Table("First reads", rows)
