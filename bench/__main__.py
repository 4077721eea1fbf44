# SPDX-License-Identifier: Apache-2.0
"""Measures digestfs beside other programs, and prints tables of medians and ratios.

`./dev bench` builds the program, installs the others, and runs this. docs/performance.md explains
each row. Traffic stays on loopback; everything is made in one folder, which is gone afterwards.
"""

import argparse
import importlib
import os
import pathlib
import sys

from lib import machine, report
from lib.lab import Lab

ROOT = pathlib.Path(__file__).resolve().parent.parent
GROUPS = ["start", "fetch", "image", "later", "cached", "walk", "slow", "readers", "large"]
QUICK = {"rounds": 1, "size": 8, "files": 300, "tags": 100, "entries": 5000, "large": 16}


def options_of(arguments):
    parser = argparse.ArgumentParser(prog="./dev bench", description="Measures, side by side.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}; all")
    parser.add_argument(
        "--digestfs", action="append", default=[], metavar="PROGRAM", help="repeat to compare builds"
    )
    parser.add_argument("--rounds", type=int, default=5, help="after a first that does not count")
    parser.add_argument("--size", type=int, default=160, help="MiB of a layer's tar")
    parser.add_argument("--files", type=int, default=7000, help="files of a rootfs")
    parser.add_argument("--tags", type=int, default=10_000)
    parser.add_argument("--entries", type=int, default=1_000_000, help="entries of the longest layer")
    parser.add_argument("--large", type=int, default=1024, help="MiB of the largest layer's tar")
    parser.add_argument("--folder", default=None, help="where to work; it should be on a disk")
    parser.add_argument("--quick", action="store_true", help="tiny sizes and one round: does it run?")
    parser.add_argument("--write", action="store_true", help="write the tables into the pages, too")
    options = parser.parse_args(arguments)
    unknown = set(options.groups) - set(GROUPS)
    if unknown:
        parser.error(f"there is no group {', '.join(sorted(unknown))}")
    if options.write and options.groups:
        parser.error("--write takes no GROUP: the pages have the tables of one run")
    if options.quick:
        for name, value in QUICK.items():
            setattr(options, name, min(value, getattr(options, name)))
    options.groups = options.groups or GROUPS
    programs = options.digestfs or [ROOT / "build/release/digestfs"]
    options.digestfs = [os.path.abspath(program) for program in programs]
    return options


def main():
    options = options_of(sys.argv[1:])
    described = machine.describe(options)
    print(described, end="\n\n", flush=True)
    tables = {}
    with Lab(options) as lab:
        for name in options.groups:
            try:
                tables[name] = importlib.import_module(f"groups.{name}").measure(lab)
                print(report.table(tables[name]), flush=True)
            except RuntimeError as error:
                # The other groups are worth their time all the same.
                print(f"{name}: {error}\n", file=sys.stderr, flush=True)
                lab.unmount()
    if options.write:
        report.write(ROOT, described, tables)
    sys.exit(0 if len(tables) == len(options.groups) else 1)


main()
