# SPDX-License-Identifier: Apache-2.0
"""Many readers at once."""

from lib.commands import BLOB, COLD, DIFF, END, MOUNT, URL
from lib.rows import Contender, Row, Table

MANY = "pids=(); for ((i = 0; i < {count}; ++i)); do {command} & pids+=($!); done; wait \"${{pids[@]}}\""


def measure(lab):
    known = lab.variables("gzip", "gzip")
    rows = []
    for count in (16, 64):

        def many(command):
            return MANY.format(count=count, command=command)

        rows.append(
            Row(
                f"{count} readers of one cold blob",
                lab.digestfs(
                    many(f"cat {BLOB} >/dev/null"),
                    COLD,
                    END,
                )
                + [
                    Contender(
                        f"{count} × curl",
                        many(f"curl -fsS -o /dev/null {URL}"),
                    )
                ],
                known,
                most_rounds=3,
            )
        )
        rows.append(
            Row(
                f"{count} readers of one cached diff",
                lab.digestfs(
                    many(f"cat {DIFF} >/dev/null"),
                    f"{MOUNT}; cat {DIFF}",
                    END,
                )
                + [Contender("the native file", many('cat "$tar" >/dev/null'), 'cat "$tar"')],
                known,
                asks_registry=False,
            )
        )
    return Table("Readers at once", lab.measure(*rows))
