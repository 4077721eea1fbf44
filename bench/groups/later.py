# SPDX-License-Identifier: Apache-2.0
"""A later mount of what is in the cache: nothing has been verified in this mount yet."""

from lib.commands import DIFF, END, LAYER, MOUNT
from lib.rows import Contender, Row, Table

# The cache is filled by one mount and used by the next.
AGAIN = f'{MOUNT}; cat {DIFF}; find "$mnt/tags/t/rootfs/"; {END}; {MOUNT}; ls {LAYER}'
HASH = Contender("openssl hashing the tar", 'openssl dgst -sha256 "$tar"', 'cat "$tar"')


def measure(lab):
    def ours(timed):
        return lab.digestfs(timed, before=AGAIN, after=END)

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
            ours(f"head -c 1 {DIFF}") + [HASH],
            known,
            asks_registry=False,
        ),
        Row(
            "a later mount: whole of a cached diff",
            ours(f"cat {DIFF}") + [HASH],
            known,
            asks_registry=False,
        ),
    )
    return Table("Later mounts", rows)
