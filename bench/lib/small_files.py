# SPDX-License-Identifier: Apache-2.0
"""What a file costs that is opened, read and closed: OPEN, READ and RELEASE of a mount."""

import contextlib
import os
import statistics
import time

from lib import daemon, processors
from lib.commands import END, MOUNT
from lib.rows import Figure, shell

STEPS = ("open", "read", "close")
BATCH = 500
HOW = {
    "daemon and reader on one processor": processors.on_one_processor,
    "where the scheduler puts them": contextlib.nullcontext,
    "processors kept awake": processors.kept_awake,
}


def files_of(tree):
    """All files of a mounted tree, which is walked through for that."""
    return [os.path.join(at, name) for at, _, names in os.walk(tree) for name in names]


def step(pid, count, action):
    """The seconds of `action` for each of `count` files: how long it takes, and how long the daemon
    works for it."""
    worked, began = daemon.processor_seconds(pid), time.perf_counter()
    action()
    seconds = time.perf_counter() - began
    time.sleep(0.05)  # nobody waits for a RELEASE
    return seconds / count, (daemon.processor_seconds(pid) - worked) / count


def once(known, program):
    """The steps of a mount's first look at the files of its rootfs: [(seconds, of the daemon)]."""
    tree = f"{known['mnt']}/tags/t/rootfs"
    shell(f'{MOUNT}; ls "{tree}/"', known, program)
    pid = daemon.process_of(known["mnt"])
    names = files_of(tree + "/")
    # Only so many can be open at once.
    total = [[0.0, 0.0] for _ in STEPS]
    for at in range(0, len(names), BATCH):
        opened = []
        actions = (
            lambda at=at, to=opened: to.extend(os.open(n, os.O_RDONLY) for n in names[at : at + BATCH]),
            lambda of=opened: [os.read(file, 1 << 16) for file in of],
            lambda of=opened: [os.close(file) for file in of],
        )
        for sums, action in zip(total, actions):
            for i, seconds in enumerate(step(pid, len(names), action)):
                sums[i] += seconds
    shell(END, known, program)
    return total


def figures(lab, known):
    """For each build and each way to place the two processes, the medians of a first look."""
    found = []
    for how, placed in HOW.items():
        if placed is processors.kept_awake and not processors.can_be_kept_awake():
            continue
        for program in lab.options.digestfs:
            with placed():
                rounds = [once(known, program) for _ in range(lab.options.rounds)]
            medians = [
                [1e6 * statistics.median(times[i][j] for times in rounds) for j in (0, 1)]
                for i in range(len(STEPS))
            ]
            waited, worked = (" + ".join(f"{step[j]:.1f}" for step in medians) for j in (0, 1))
            what = f"open, read and close of a file, first: {how}{lab.of_build(program)}"
            found.append(Figure(what, f"{waited} µs; the daemon works {worked} µs"))
    return found
