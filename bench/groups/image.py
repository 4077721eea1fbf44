# SPDX-License-Identifier: Apache-2.0
"""From nothing to a file of an image."""

import os
import statistics

from lib import layers, machine
from lib.commands import CLEAN, END, FORGET, IMAGE, MOUNT, SKOPEO_COPY
from lib.rows import Contender, Figure, Row, Table, shell

LAYERS = 10
ENTER = 'ls "$mnt/tags/t/rootfs/"'
# A store of its own, so that nothing of the user's is touched.
PODMAN = 'podman --root "$tmp/podman" --runroot "$tmp/run" --storage-driver overlay'


def ten_layers(lab):
    """An image whose layers are a tenth of the usual size each."""
    made = []
    for i in range(LAYERS):
        path = layers.few_large_files(lab.path(f"ten{i}"), lab.options.size // LAYERS, seed=i + 1)
        made.append(layers.compress(path))
    lab.registry.push("ten", made)
    return lab.variables("ten") | {"file": "usr/lib/file0"}


def system(lab):
    """An image of one layer that has what images have."""
    path, name = layers.system_files(lab.path("system"), lab.options.size)
    lab.registry.push("system", [layers.compress(path)])
    return lab.variables("system") | {"file": name}


def business(known, program):
    """How busy the cores are while an image is entered: 1 if none of them ever waits. Whatever works
    on the machine counts, the registry first of all."""
    shell(f"{FORGET}; {MOUNT}", known, program)
    before = machine.busy_seconds()
    seconds = shell(ENTER, known, program)
    busy = machine.busy_seconds() - before
    shell(END, known, program)
    return busy / (os.cpu_count() * seconds)


def measure(lab):
    one = system(lab)
    ten = ten_layers(lab)
    ours = lab.digestfs(
        f'{MOUNT}; cat "$mnt/tags/t/rootfs/$file"', before=FORGET, after=END
    )
    in_turn = 'for layer in "$mnt"/tags/t/layers/*; do ls "$layer/tree/"; done'
    rows = lab.measure(
        Row(
            "mount a cold image and `cat` one file",
            ours
            + [
                Contender(
                    "podman pull, image mount",
                    f'{PODMAN} pull -q --tls-verify=false "$registry/$repository:t" && '
                    f'cat "$({PODMAN} image mount "$registry/$repository:t")/$file"',
                    CLEAN,
                    f'{PODMAN} image unmount -a; {PODMAN} rmi -a -f; {CLEAN}',
                ),
                Contender(
                    "skopeo copy, umoci unpack",
                    f"{SKOPEO_COPY} {IMAGE} "
                    '"oci:$tmp/oci:t" && umoci --log error unpack --image "$tmp/oci:t" '
                    '"$tmp/bundle" && cat "$tmp/bundle/rootfs/$file"',
                    CLEAN,
                    CLEAN,
                ),
            ],
            one,
            in_readme=True,
        ),
        Row(
            f"enter an image of {LAYERS} layers",
            lab.digestfs(ENTER, before=f"{FORGET}; {MOUNT}", after=END)
            + [
                Contender(
                    "its layers one after the other",
                    in_turn,
                    f"{FORGET}; {MOUNT}",
                    END,
                )
            ],
            # The second contender is no build of its own.
            ten | {"digestfs": lab.options.digestfs[0]},
        ),
    )
    figures = []
    for program in lab.options.digestfs:
        busy = statistics.median(business(ten, program) for _ in range(lab.options.rounds))
        what = f"cores that are busy while an image of {LAYERS} layers is entered"
        figures.append(Figure(f"{what}{lab.of_build(program)}", f"{100 * busy:.0f} %"))
    return Table("Images", rows, figures)
