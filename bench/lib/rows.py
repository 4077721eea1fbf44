# SPDX-License-Identifier: Apache-2.0
"""Rows of a table, and how they are measured: everything of a row in turn, round after round, so
that a machine that gets slower gets slower for all. What counts is the ratio of the medians."""

import dataclasses
import os
import statistics
import subprocess
import tempfile
import time

from lib.wire import Wire

# The script of one run. Its last line is the microseconds that the middle took.
SCRIPT = """set -euo pipefail
{ :; %s
} >/dev/null
began=$EPOCHREALTIME
{ :; %s
} >/dev/null
ended=$EPOCHREALTIME
{ :; %s
} >/dev/null
echo "$((${ended/./} - ${began/./}))"
"""


@dataclasses.dataclass
class Contender:
    """Commands for bash. Only `timed` is timed; `before` and `after` are not."""

    name: str
    timed: str
    before: str = ""
    after: str = ""
    program: str = ""  # the build of digestfs that this is, or empty
    variant: str = ""  # how it is used, if that is not as by default


@dataclasses.dataclass
class Row:
    """Contenders that do the same thing. `variables` are what their commands refer to."""

    what: str
    contenders: list
    variables: dict
    asks_registry: bool = True  # what goes over the wire is counted
    in_readme: bool = False
    missing: str = ""  # why there is no peer
    most_rounds: int = 100
    medians: dict = dataclasses.field(default_factory=dict)  # seconds, by contender
    wires: dict = dataclasses.field(default_factory=dict)

    def variants(self):
        return list(dict.fromkeys(c.variant for c in self.contenders if c.program))

    def ours(self, variant=""):
        return [c for c in self.contenders if c.program and c.variant == variant]

    def peers(self):
        return [c for c in self.contenders if not c.program]


@dataclasses.dataclass
class Figure:
    """A number that is not compared."""

    what: str
    value: str


@dataclasses.dataclass
class Table:
    title: str
    rows: list = dataclasses.field(default_factory=list)
    figures: list = dataclasses.field(default_factory=list)
    note: str = ""


def run(contender, variables):
    """Runs a contender once, and returns the seconds."""
    script = SCRIPT % (contender.before, contender.timed, contender.after)
    if contender.program:
        variables = variables | {"digestfs": contender.program}
    environment = os.environ | {name: str(value) for name, value in variables.items()}
    # A file and no pipe, which a daemon that was started would keep open.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        done = subprocess.run(
            ["bash", "-c", script], env=environment, stdin=subprocess.DEVNULL, stdout=said,
            stderr=said, check=False,
        )
        said.seek(0)
        lines = said.read().splitlines()
    if done.returncode:
        told = "\n".join(lines)
        raise RuntimeError(f"{contender.name} failed: {contender.timed}\n{told}")
    return int(lines[-1]) / 1e6


def shell(command, variables, program):
    """Runs a command for a figure, and returns the seconds."""
    environment = {"PATH": "/usr/bin:/bin", "digestfs": program}
    environment |= {name: str(value) for name, value in variables.items()}
    began = time.monotonic()
    subprocess.run(
        ["bash", "-euc", command], env=environment, check=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
    )
    return time.monotonic() - began


def measure(row, rounds):
    """Fills in the medians of `row`, and what went over the wire. A first round is thrown away, but
    not of a single one."""
    times = {contender.name: [] for contender in row.contenders}
    first = 0 if rounds == 1 else 1
    for _ in range(first + min(rounds, row.most_rounds)):
        for contender in row.contenders:
            times[contender.name].append(run(contender, row.variables))
    for name, seconds in times.items():
        row.medians[name] = statistics.median(seconds[first:])
    if row.asks_registry:
        for contender in row.contenders:
            with Wire(row.variables["registry"]) as wire:
                run(contender, row.variables | {"registry": wire.address})
            row.wires[contender.name] = wire
    return row
