# SPDX-License-Identifier: Apache-2.0
"""The first read of a blob and of a diff: what is there has to be fetched, hashed and kept."""

from lib.commands import BLOB, CLEAN, COLD, DIFF, END, IMAGE, SKOPEO_COPY, URL, pipe
from lib.rows import Contender, Row, Table


def ours(lab, timed):
    return lab.digestfs(timed, before=COLD, after=END)


def diff(lab, what, repository, how, decompress):
    return Row(
        what,
        ours(lab, f"head -c 1 {DIFF}")
        + [
            Contender(f"curl, tee, {decompress.split()[0]}, openssl", pipe(decompress), CLEAN),
            Contender(
                "skopeo copy --dest-decompress",
                f'{SKOPEO_COPY} --dest-decompress {IMAGE} "dir:$tmp/copy"',
                CLEAN,
            ),
        ],
        lab.variables(repository, how),
        in_readme=True,
    )


def measure(lab):
    gzip = lab.variables("gzip", "gzip")
    rows = lab.measure(
        Row(
            "first read of a blob",
            # One byte is enough: nothing is served before all of it is there and verified.
            ours(lab, f"head -c 1 {BLOB}")
            + [
                Contender("curl -o", f'curl -fsS -o "$tmp/blob" {URL}', CLEAN),
                Contender("skopeo copy dir:", f'{SKOPEO_COPY} {IMAGE} "dir:$tmp/copy"', CLEAN),
            ],
            gzip,
            in_readme=True,
        ),
        diff(lab, "first read of a diff, gzip", "gzip", "gzip", "igzip -d -c"),
        diff(lab, "first read of a diff, zstd", "zstd", "zstd", "zstd -d -c"),
        Row(
            "first byte of a cold blob",
            ours(lab, f"head -c 1 {BLOB}")
            + [Contender("curl, unverified", f"curl -sS {URL} 2>&1 | head -c 1 || true")],
            gzip,
        ),
        Row(
            "last byte of a cold blob",
            ours(lab, f"cat {BLOB}") + [Contender("curl, unverified", f"curl -fsS {URL}")],
            gzip,
        ),
    )
    return Table("First reads", rows)
