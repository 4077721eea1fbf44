# SPDX-License-Identifier: Apache-2.0
"""Large things: how much time a GB takes, and how much memory they cost the daemon."""

import subprocess
import time

from lib import layers
from lib.commands import (
    CLEAN, COLD, DIFF, END, FORGET, IMAGE, MOUNT, SKOPEO_COPY, URL, WARM, pipe,
)
from lib.rows import Contender, Figure, Row, Table


def daemon(lab):
    """The process that serves the mount."""
    found = subprocess.run(
        ["pgrep", "-n", "-f", f"digestfs.* {lab.mnt}$"], capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


def memory(pid, name):
    """A line of the process's status, in bytes: VmRSS, or VmHWM for the most there was."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith(name))


def shell(command, variables, program):
    """Runs a command, and returns the seconds."""
    environment = {"PATH": "/usr/bin:/bin", "digestfs": program}
    environment |= {name: str(value) for name, value in variables.items()}
    began = time.monotonic()
    subprocess.run(
        ["bash", "-euc", command], env=environment, check=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
    )
    return time.monotonic() - began


def of_build(lab, program):
    return "" if len(lab.options.digestfs) == 1 else f", {program}"


def large_layer(lab):
    """Rows and figures of a layer that is too large for memory to be used carelessly."""
    tar = layers.few_large_files(lab.path("large"), lab.options.large)
    layer = layers.compress(tar, "igzip")
    lab.registry.push("large", [layer])
    known = lab.variables("large") | {"blob": layer.digest, "diff": layer.diff_id}
    size = f"{layer.tar_size / 1e9:.1f} GB"
    rows = lab.measure(
        Row(
            f"first read of a diff of {size}",
            lab.digestfs(f"head -c 1 {DIFF}", COLD, END)
            + [
                Contender("curl, tee, igzip, openssl", pipe("igzip -d -c"), CLEAN, CLEAN),
                Contender(
                    "skopeo copy --dest-decompress",
                    f'{SKOPEO_COPY} --dest-decompress {IMAGE} "dir:$tmp/copy"',
                    CLEAN,
                    CLEAN,
                ),
            ],
            known,
            most_rounds=1,
        )
    )
    figures = []
    for ours in rows[0].ours():
        seconds = rows[0].medians[ours.name] / (layer.tar_size / 1e9)
        shell(f"{COLD}; head -c 1 {DIFF}", known, ours.program)
        most = memory(daemon(lab), "VmHWM")
        shell(f"{END}; {FORGET}", known, ours.program)
        of = of_build(lab, ours.program)
        figures += [
            Figure(f"time per GB of that tar{of}", f"{seconds:.2f} s"),
            Figure(f"most memory of the daemon meanwhile{of}", f"{most / 2**20:.0f} MiB"),
        ]
    return rows, figures


def long_layer(lab):
    """Rows and figures of a layer of very many entries."""
    count = lab.options.entries
    layer = layers.compress(layers.empty_files(lab.path("long"), count), "igzip")
    lab.registry.push("long", [layer])
    known = lab.variables("long") | {"blob": layer.digest, "tar": layer.tar}
    every = 'find "$mnt/tags/t/layers/00/tree/"'
    what = f"a layer of {count:,} entries"
    unpack = Contender(
        "curl, igzip, tar t",
        f"curl -fsS {URL} | igzip -d -c | tar -t",
    )
    enter = 'ls "$mnt/tags/t/layers/00/tree/"'
    again = f"{FORGET}; {MOUNT}; {enter}; {END}; {WARM}"
    rows = lab.measure(
        Row(f"{what}: first listing of its root", lab.digestfs(enter, COLD, END) + [unpack],
            known, most_rounds=1),
        Row(f"{what}: that in a later mount",
            lab.digestfs(enter, again, END)
            + [Contender("tar t of the tar", 'tar -tf "$tar"')],
            known, asks_registry=False, most_rounds=1),
        Row(f"{what}: `find`, with the first listing",
            lab.digestfs(every, COLD, END) + [unpack],
            known, most_rounds=1),
    )
    figures = []
    for program in lab.options.digestfs:
        # By a later mount, in which no buffer of a download is part of it.
        shell(f"{COLD}; {enter}; {END}", known, program)
        shell(WARM, known, program)
        before = memory(daemon(lab), "VmRSS")
        shell(enter, known, program)
        entered = memory(daemon(lab), "VmRSS")
        shell(every, known, program)
        walked = memory(daemon(lab), "VmRSS")
        shell(f"{END}; {FORGET}", known, program)
        of = of_build(lab, program)
        figures += [
            Figure(f"memory an entry, names included{of}", f"{(entered - before) / count:.0f} B"),
            Figure(f"that after `find`{of}", f"{(walked - before) / count:.0f} B"),
        ]
    return rows, figures


def measure(lab):
    large = large_layer(lab)
    many = long_layer(lab)
    return Table("Large things", large[0] + many[0], large[1] + many[1])
