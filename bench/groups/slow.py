# SPDX-License-Identifier: Apache-2.0
"""A blob from a server that gives each connection so much and no more, as object stores do."""

from lib.commands import BLOB, CLEAN, COLD, END, IMAGE, SKOPEO_COPY, URL
from lib.rows import Contender, Row, Table
from lib.throttled import ThrottledRegistry

RATE = 20_000_000


def measure(lab):
    layer = lab.layer("gzip")
    with ThrottledRegistry(layer, RATE) as server:
        known = lab.variables("slow") | {"registry": server.address, "blob": layer.digest}
        rows = lab.measure(
            Row(
                f"a blob at {RATE // 1_000_000} MB/s a connection",
                lab.digestfs(f"head -c 1 {BLOB}", COLD, END)
                + [
                    Contender("one curl", f'curl -fsS -o "$tmp/blob" {URL}', CLEAN),
                    Contender(
                        "skopeo copy dir:",
                        f'{SKOPEO_COPY} {IMAGE} "dir:$tmp/copy"',
                        CLEAN,
                    ),
                ],
                known,
                in_readme=True,
                most_rounds=3,
            )
        )
    return Table("A slow store", rows)
