# SPDX-License-Identifier: Apache-2.0
"""Many readers at once."""

from lib.rows import Contender, Row, Table

MOUNT = '"$digestfs" --cache-dir "$cache" "$registry/$repository" "$mnt"'
UNMOUNT = 'fusermount3 -u "$mnt"'
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
                    many('cat "$mnt/tags/t/layers/00/blob" >/dev/null'),
                    f'rm -rf "$cache"; {MOUNT}; ls "$mnt/tags/t/layers/00/"',
                    UNMOUNT,
                )
                + [
                    Contender(
                        f"{count} × curl",
                        many(
                            'curl -fsS -o /dev/null "http://$registry/v2/$repository/blobs/$blob"'
                        ),
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
                    many('cat "$mnt/tags/t/layers/00/diff" >/dev/null'),
                    f'{MOUNT}; cat "$mnt/tags/t/layers/00/diff"',
                    UNMOUNT,
                )
                + [Contender("the native file", many('cat "$tar" >/dev/null'), 'cat "$tar"')],
                known,
                asks_registry=False,
            )
        )
    return Table("Readers at once", lab.measure(*rows))
