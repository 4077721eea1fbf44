# SPDX-License-Identifier: Apache-2.0
"""What it takes to wake a processor that sleeps, and how to keep all of them awake."""

import contextlib
import os
import time

# As long as somebody has this file open and has written a zero into it, no processor sleeps
# (Linux, Documentation/power/pm_qos_interface.rst). Only root may.
LATENCY = "/dev/cpu_dma_latency"
NONE = bytes(4)
# The same for the shell of one run of a contender.
KEEP_AWAKE = f"exec {{awake}}>{LATENCY}; printf '\\0\\0\\0\\0' >&$awake"


def can_be_kept_awake():
    return os.access(LATENCY, os.W_OK)


@contextlib.contextmanager
def kept_awake():
    with open(LATENCY, "wb", buffering=0) as file:
        file.write(NONE)
        yield


@contextlib.contextmanager
def on_one_processor():
    """This process, and whatever it starts meanwhile."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def answer_seconds(count=2000):
    """The seconds from one process's word to another's answer, through a pipe: of two that have a
    processor each, and of two that share one. The former is None on a machine of one processor."""
    allowed = sorted(os.sched_getaffinity(0))
    apart = exchange(allowed[0], allowed[1], count) if len(allowed) > 1 else None
    return apart, exchange(allowed[0], allowed[0], count)


def exchange(here, there, count):
    to_child, to_parent = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.sched_setaffinity(0, {there})
        while os.read(to_child[0], 1) == b"x":
            os.write(to_parent[1], b"x")
        os._exit(0)
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {here})
    began = time.perf_counter()
    for _ in range(count):
        os.write(to_child[1], b"x")
        os.read(to_parent[0], 1)
    seconds = time.perf_counter() - began
    os.write(to_child[1], b".")
    os.waitpid(child, 0)
    os.sched_setaffinity(0, allowed)
    for end in to_child + to_parent:
        os.close(end)
    return seconds / count
