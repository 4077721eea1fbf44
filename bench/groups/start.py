# SPDX-License-Identifier: Apache-2.0
"""How soon a mount answers, and the first questions to it."""

from lib.commands import END, ENDED, FORGET, IMAGE, MOUNT, UNMOUNT
from lib.rows import Contender, Row, Table

INSPECT = Contender("skopeo inspect --raw", f"skopeo inspect --raw --tls-verify=false {IMAGE}")


def many_tags(lab):
    known = lab.variables("tags", "gzip")
    with open(f"{lab.registry.storage}/docker/registry/v2/repositories/tags/_manifests/tags/t/"
              "current/link", encoding="ascii") as link:
        lab.registry.tag_often("tags", link.read(), lab.options.tags)
    return known


def measure(lab):
    one = lab.variables("gzip", "gzip")
    tags = many_tags(lab)
    rows = lab.measure(
        Row(
            "mount, and the manifest of one tag",
            lab.digestfs(f'{MOUNT}; cat "$mnt/tags/t/manifest.json"', FORGET, END)
            + [INSPECT],
            one,
            in_readme=True,
        ),
        Row(
            "mount `HOST/NAME:TAG`, and its manifest",
            lab.digestfs(
                f'{MOUNT.replace("$repository", "$repository:t")}; cat "$mnt/tags/t/manifest.json"',
                FORGET,
                END,
            )
            + [INSPECT],
            one,
        ),
        Row(
            "mount and unmount",
            lab.digestfs(f"{MOUNT}; {UNMOUNT}", FORGET, ENDED),
            one,
            missing="no peer mounts a registry",
        ),
        Row(
            f"mount, and `ls tags` of {lab.options.tags:,} tags",
            lab.digestfs(f'{MOUNT}; ls "$mnt/tags"', FORGET, END)
            + [
                Contender(
                    "skopeo list-tags",
                    'skopeo list-tags --tls-verify=false "docker://$registry/$repository"',
                )
            ],
            tags,
            most_rounds=3,
        ),
    )
    return Table("The start", rows)
