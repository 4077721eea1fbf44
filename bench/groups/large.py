# SPDX-License-Identifier: Apache-2.0
"""Large things: how much time a GB takes, and how much memory they cost the daemon."""

from lib import layers
from lib.commands import (
    CLEAN, COLD, DIFF, END, FORGET, IMAGE, MOUNT, SKOPEO_COPY, URL, WARM, pipe,
)
from lib.daemon import memory, process_of
from lib.rows import Contender, Figure, Row, Table, shell


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
        most = memory(process_of(lab.mnt), "VmHWM")
        shell(f"{END}; {FORGET}", known, ours.program)
        of = lab.of_build(ours.program)
        figures += [
            Figure(f"time per GB of that tar{of}", f"{seconds:.2f} s"),
            Figure(f"most memory of the daemon meanwhile{of}", f"{most / 2**20:.0f} MiB"),
        ]
    return rows, figures


def long_layer(lab):
    """Rows and figures of an image of one layer of very many entries."""
    count = lab.options.entries
    tar, names_size = layers.empty_files(lab.path("long"), count)
    layer = layers.compress(tar, "igzip")
    lab.registry.push("long", [layer])
    known = lab.variables("long") | {"blob": layer.digest, "tar": layer.tar}
    rows, figures = [], []
    for what, place in (("layer", "layers/00/tree"), ("rootfs", "rootfs")):
        rows += rows_of_tree(lab, known, f"a {what} of {count:,} entries", place)
        for program in lab.options.digestfs:
            more = figures_of_tree(known, place, program, count, names_size)
            figures += [
                Figure(f"{what}: {name}{lab.of_build(program)}", value) for name, value in more
            ]
    return rows, figures


def rows_of_tree(lab, known, what, place):
    enter = f'ls "$mnt/tags/t/{place}/"'
    unpack = Contender("curl, igzip, tar t", f"curl -fsS {URL} | igzip -d -c | tar -t")
    again = f"{FORGET}; {MOUNT}; {enter}; {END}; {WARM}"
    return lab.measure(
        Row(f"{what}: first listing of its root", lab.digestfs(enter, COLD, END) + [unpack],
            known, most_rounds=1),
        Row(f"{what}: that in a later mount",
            lab.digestfs(enter, again, END) + [Contender("tar t of the tar", 'tar -tf "$tar"')],
            known, asks_registry=False, most_rounds=1),
        Row(f"{what}: `find`, with the first listing",
            lab.digestfs(f'find "$mnt/tags/t/{place}/"', COLD, END) + [unpack],
            known, most_rounds=1),
    )


def figures_of_tree(known, place, program, count, names_size):
    """What the daemon takes for a tree, in a first mount and in a later one."""
    enter = f'ls "$mnt/tags/t/{place}/"'

    def resident_after(command):
        shell(command, known, program)
        return memory(process_of(known["mnt"]), "VmRSS") / count

    cold = resident_after(COLD)
    first = resident_after(enter) - cold
    most = memory(process_of(known["mnt"]), "VmHWM")
    # In a later mount no buffer of a download is part of it.
    warm = resident_after(f"{END}; {WARM}")
    entered = resident_after(enter) - warm
    walked = resident_after(f'find "$mnt/tags/t/{place}/"') - warm
    shell(f"{END}; {FORGET}", known, program)
    return [
        ("memory an entry, names included", f"{entered:.0f} B"),
        ("memory an entry beyond its name", f"{entered - names_size / count:.0f} B"),
        ("memory an entry, names included, after `find`", f"{walked:.0f} B"),
        ("memory an entry, names included, in the first mount", f"{first:.0f} B"),
        ("most memory of the daemon in the first mount", f"{most / 2**20:.0f} MiB"),
    ]


def measure(lab):
    large = large_layer(lab)
    many = long_layer(lab)
    return Table("Large things", large[0] + many[0], large[1] + many[1])
