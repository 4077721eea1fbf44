# SPDX-License-Identifier: Apache-2.0
"""What a run is worth: on which machine, with which programs, when."""

import datetime
import os
import platform
import re
import shutil
import subprocess
import tempfile

from lib import processors

PEERS = ["curl", "skopeo", "umoci", "podman", "docker-registry", "openssl", "igzip", "zstd", "fio"]


def first_line(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return ((done.stdout or done.stderr).strip().splitlines() or ["?"])[0]


def version(program):
    """The number in what a program says of itself: some want an option, some a word."""
    for ask in ("--version", "version"):
        found = re.search(r"\d+\.\d[\w.+~-]*", first_line([program, ask]))
        if found:
            return found[0]
    return "?"


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        found = re.search(r"^model name\s*:\s*(.*)$", file.read(), re.MULTILINE)
    return found[1] if found else platform.machine()


def memory():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30


def system():
    with open("/etc/os-release", encoding="utf-8") as file:
        found = re.search(r'^PRETTY_NAME="?(.*?)"?$', file.read(), re.MULTILINE)
    return found[1] if found else "?"


def file_system(folder):
    return first_line(["stat", "--file-system", "--format=%T", folder])


def busy_seconds():
    """How long the cores have worked since the machine began, for whatever process."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _idle, _wait, irq, softirq = map(int, file.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def answer_times():
    """How long a process waits for the word of another."""
    apart, together = processors.answer_seconds()
    times = f"{1e6 * together:.0f} µs on the same processor"
    if apart:
        times = f"{1e6 * apart:.0f} µs on another processor, and in {times}"
    return f"A process has the answer of another one in {times}"


def describe(options):
    """The lines above the tables."""
    folder = options.folder or tempfile.gettempdir()
    ours = "; ".join(first_line([program, "--version"]) for program in options.digestfs)
    # A group needs only some of them.
    peers = ", ".join(
        f"{program} {version(program)}" for program in PEERS if shutil.which(program)
    )
    return (
        f"{datetime.date.today()}, {ours}.\n"
        f"{len(os.sched_getaffinity(0))} × {processor()}, {memory()} GiB, "
        f"Linux {platform.release()}, {system()}, {file_system(folder)}; load "
        f"{os.getloadavg()[0]:.1f} at the start.\n"
        f"{answer_times()}.\n"
        f"Medians of {options.rounds} rounds; layers of {options.size} MiB.\n"
        f"Beside {peers}."
    )
