# SPDX-License-Identifier: Apache-2.0
"""A blob from a server that gives each connection so much and no more, as object stores do."""

from lib.rows import Contender, Row, Table
from lib.throttled import ThrottledRegistry

RATE = 20_000_000


def measure(lab):
    layer = lab.layer("gzip")
    with ThrottledRegistry(layer, RATE) as server:
        known = lab.variables("slow") | {"registry": server.address, "blob": layer.digest}
        mount = (
            'rm -rf "$cache"; "$digestfs" --cache-dir "$cache" "$registry/$repository" "$mnt"; '
            'ls "$mnt/tags/t/layers/00/"'
        )
        url = '"http://$registry/v2/$repository/blobs/$blob"'
        rows = lab.measure(
            Row(
                f"a blob at {RATE // 1_000_000} MB/s a connection",
                lab.digestfs(
                    'head -c 1 "$mnt/tags/t/layers/00/blob"', mount, 'fusermount3 -u "$mnt"'
                )
                + [
                    Contender("one curl", f'curl -fsS -o "$tmp/blob" {url}', 'rm -rf "$tmp"/*'),
                    Contender(
                        "skopeo copy dir:",
                        "skopeo copy -q --src-tls-verify=false "
                        '"docker://$registry/$repository:t" "dir:$tmp/copy"',
                        'rm -rf "$tmp"/*',
                    ),
                ],
                known,
                in_readme=True,
                most_rounds=3,
            )
        )
    return Table("A slow store", rows)
