# SPDX-License-Identifier: Apache-2.0
"""What the daemon of a mount takes from the machine."""

import pathlib
import subprocess


def process_of(mnt):
    """The process that serves the mount."""
    found = subprocess.run(
        ["pgrep", "-n", "-f", f"digestfs.* {mnt}$"], capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


def memory(pid, name):
    """A line of the process's status, in bytes: VmRSS, or VmHWM for the most there was."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith(name))


def processor_seconds(pid):
    """How long its threads have worked, those that have ended excepted."""
    threads = pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text(encoding="ascii").split()[0]) for thread in threads) / 1e9
