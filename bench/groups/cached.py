# SPDX-License-Identifier: Apache-2.0
"""Reads of a blob and a diff that this mount has verified, beside an ordinary file."""

import subprocess

from lib.commands import END
from lib.rows import Contender, Row, Table

# Drops the pages of a file and of what it is a view of.
DROP = (
    'sync "$native"; for each in "$file" "$native" "$cache"/*/sha256/*; do '
    'dd if="$each" iflag=nocache count=0 status=none; done'
)
FIO = (
    "fio --name=random --readonly --filename={file} --rw=randread --bs=4k --size=100% "
    "--io_size=${{amount}}m --ioengine=psync --invalidate=0 --randrepeat=1"
)


def knows_no_passthrough(program):
    said = subprocess.run([program, "--help"], capture_output=True, text=True, check=True)
    return "--no-passthrough" in said.stdout


def options(lab):
    """The ways to mount: the variant, and the option for it."""
    if all(knows_no_passthrough(program) for program in lab.options.digestfs):
        return {"": "", "without passthrough": "--no-passthrough"}
    return {"": ""}


def row(lab, variables, what, timed, before, in_readme=False):
    """One mount for each way and program; all of them are read in turn."""
    contenders = []
    for variant, option in options(lab).items():
        mount = f'"$digestfs" {option} --cache-dir "$cache" "$registry/$repository" "$mnt"'
        ready = f'{mount}; cat "$mnt/$view" "$mnt/$view"; file="$mnt/$view"; {before}'
        for ours in lab.digestfs(timed, ready, END, name=variant or "digestfs"):
            ours.variant = variant
            contenders.append(ours)
    contenders.append(
        Contender("the native file", timed, f'file="$native"; cat "$file" "$file"; {before}')
    )
    return Row(what, contenders, variables, asks_registry=False, in_readme=in_readme)


def measure(lab):
    known = lab.variables("gzip", "gzip")
    rows = []
    for kind, native in (("blob", known["tar"] + ".gz"), ("diff", known["tar"])):
        variables = known | {"view": f"tags/t/layers/00/{kind}", "native": native}
        for name in ("cat", "openssl dgst -sha256"):
            what, timed = f"`{name}` of a cached {kind}", f'{name} "$file"'
            rows.append(row(lab, variables, what, timed, ":", kind == "diff"))
            rows.append(row(lab, variables, f"{what}, cold pages", timed, DROP))
    # Enough reads that the start of fio hardly counts.
    amount = {"amount": 8 * lab.options.size}
    variables = known | amount | {"view": "tags/t/layers/00/diff", "native": known["tar"]}
    rows.append(
        row(lab, variables, "random 4 KiB reads of a cached diff", FIO.format(file='"$file"'), ":")
    )
    note = "" if len(options(lab)) > 1 else "This build has no `--no-passthrough`."
    return Table("Cached reads", lab.measure(*rows), note=note)
