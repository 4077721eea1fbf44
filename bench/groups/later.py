# SPDX-License-Identifier: Apache-2.0
"""A later mount of what is in the cache: nothing has been verified in this mount yet."""

from lib.rows import Contender, Row, Table

MOUNT = '"$digestfs" --cache-dir "$cache" "$registry/$repository" "$mnt"'
UNMOUNT = 'fusermount3 -u "$mnt"'
# The cache is filled by one mount and used by the next.
FILL = f'{MOUNT}; cat "$mnt/tags/t/layers/00/diff"; find "$mnt/tags/t/rootfs/"; {UNMOUNT}; {MOUNT}'
HASH = Contender("openssl hashing the tar", 'openssl dgst -sha256 "$tar"', 'cat "$tar"')


def measure(lab):
    def ours(timed):
        # One byte of a blob and the manifest are looked at: the rest of the way is the mount's.
        return lab.digestfs(timed, before=f'{FILL}; ls "$mnt/tags/t/layers/00/"', after=UNMOUNT)

    known = lab.variables("gzip", "gzip")
    rows = lab.measure(
        Row(
            "a later mount: first `cat` in a cached rootfs",
            ours('cat "$mnt/tags/t/rootfs/usr/lib/file0"') + [HASH],
            known,
            asks_registry=False,
            in_readme=True,
        ),
        Row(
            "a later mount: first open of a cached diff",
            ours('head -c 1 "$mnt/tags/t/layers/00/diff"') + [HASH],
            known,
            asks_registry=False,
        ),
        Row(
            "a later mount: whole of a cached diff",
            ours('cat "$mnt/tags/t/layers/00/diff"') + [HASH],
            known,
            asks_registry=False,
        ),
    )
    return Table("Later mounts", rows)
