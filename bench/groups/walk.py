# SPDX-License-Identifier: Apache-2.0
"""Walks through a rootfs of many small files, beside the same files in the native file system."""

from lib import processors, small_files
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
COMMANDS = WALKS | READS
# Those that cross over to the daemon so often that much of their time is the processors' sleep.
WAKING = [
    ("find", "first"),
    ("grep -r", "first"),
    ("grep -r", "again"),
    ("tar c", "first"),
    ("tar c", "again"),
]


def row(lab, name, time, awake=False):
    what, timed, again = f"`{name}` of a rootfs, {time}", COMMANDS[name], time == "again"
    known = lab.variables("rootfs", "rootfs")
    ready = CLEAN
    if awake:
        what += ", processors kept awake"
        ready += f"; {processors.KEEP_AWAKE}"
    once = f"{{ {timed}; }} >/dev/null; {ready}" if again else ready
    return Row(
        what,
        lab.digestfs(timed, f"{ENTERED}; {once}", END)
        + [Contender("the native file system", timed, f"{NATIVE}; {{ {timed}; }} >/dev/null; {ready}")],
        known,
        asks_registry=False,
        in_readme=not again and not awake,
    )


def measure(lab):
    rows = [row(lab, name, time) for name in COMMANDS for time in ("first", "again")]
    if processors.can_be_kept_awake():
        rows += [row(lab, name, time, awake=True) for name, time in WAKING]
    measured = lab.measure(*rows)
    figures = small_files.figures(lab, lab.variables("rootfs", "rootfs"))
    return Table(f"Walks through a rootfs of {lab.options.files:,} files", measured, figures)
