# SPDX-License-Identifier: Apache-2.0
"""Walks through a rootfs of many small files, beside the same files in the native file system."""

from lib.commands import END, MOUNT
from lib.rows import Contender, Row, Table

ENTERED = f'{MOUNT}; ls "$mnt/tags/t/rootfs/"; tree="$mnt/tags/t/rootfs"'
NATIVE = (
    '[[ -d $cache.native ]] || { mkdir "$cache.native"; tar -xf "$tar" -C "$cache.native"; }; '
    'tree="$cache.native"'
)
CLEAN = 'rm -rf "$memory"/*'
WALKS = {
    "find": 'find "$tree/"',
    "find -printf %s": "find \"$tree/\" -printf '%s\\n'",
    "du": 'du -s "$tree/"',
}
READS = {
    "grep -r": 'grep -r no-such-text "$tree/" || true',
    "tar c": 'tar -C "$tree" -c . | cat',  # tar reads no file for /dev/null
    "cp -a": 'cp -a "$tree/." "$memory/copy"',  # a disk would take longer to write than both to read
}


def row(lab, what, timed, again):
    known = lab.variables("rootfs", "rootfs")
    once = f"{{ {timed}; }} >/dev/null; {CLEAN}" if again else CLEAN
    return Row(
        what,
        lab.digestfs(timed, f"{ENTERED}; {once}", END)
        + [Contender("the native file system", timed, f"{NATIVE}; {{ {timed}; }} >/dev/null; {CLEAN}")],
        known,
        asks_registry=False,
        in_readme=not again,
    )


def measure(lab):
    rows = [
        row(lab, f"`{name}` of a rootfs, {time}", timed, time == "again")
        for name, timed in WALKS.items()
        for time in ("first", "again")
    ]
    rows += [
        row(lab, f"`{name}` of a rootfs, {time}", timed, time == "again")
        for name, timed in READS.items()
        for time in ("first", "again")
    ]
    return Table(f"Walks through a rootfs of {lab.options.files:,} files", lab.measure(*rows))
