# SPDX-License-Identifier: Apache-2.0
"""Where a run works: its folder, its registry, and the images in it, made when they are needed."""

import functools
import os
import shutil
import subprocess
import tempfile

from lib import layers
from lib.registry import Registry
from lib.rows import Contender, measure


class Lab:
    def __init__(self, options):
        self.options = options
        self.folder = tempfile.mkdtemp(prefix="digestfs-bench.", dir=options.folder)
        self.mnt = f"{self.folder}/mnt"
        self.tmp = f"{self.folder}/tmp"
        self.memory = tempfile.mkdtemp(prefix="digestfs-bench.", dir="/dev/shm")  # a tmpfs
        os.mkdir(self.mnt)
        os.mkdir(self.tmp)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.unmount()
        if "registry" in self.__dict__:
            self.registry.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.memory, ignore_errors=True)

    def unmount(self):
        """Whatever a row that failed has left, below the folder."""
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            points = [line.split()[4] for line in file]
        for point in reversed(points):
            if point.startswith(self.folder + "/"):
                subprocess.run(["umount", "--lazy", point], check=False)

    @functools.cached_property
    def registry(self):
        return Registry(self.folder)

    @functools.lru_cache(maxsize=None)
    def layer(self, how):
        """The layer that most rows are about."""
        if how == "gzip":
            return layers.compress(layers.few_large_files(self.path("layer"), self.options.size))
        return layers.compress(self.layer("gzip").tar, how)

    @functools.cached_property
    def rootfs(self):
        """The layer that is like a rootfs."""
        return layers.compress(layers.many_small_files(self.path("rootfs"), self.options.files))

    def path(self, name):
        return f"{self.folder}/{name}.tar"

    @functools.lru_cache(maxsize=None)
    def variables(self, repository, *pushed):
        """What the commands about a repository that holds an image of the layers `pushed` refer
        to."""
        if pushed:
            self.registry.push(repository, [self.named(name) for name in pushed])
        known = {
            "registry": self.registry.address,
            "repository": repository,
            "mnt": self.mnt,
            "tmp": self.tmp,
            "memory": self.memory,
            "cache": f"{self.folder}/cache",
        }
        if pushed:
            layer = self.named(pushed[-1])
            known |= {"blob": layer.digest, "diff": layer.diff_id, "tar": layer.tar}
        return known

    def named(self, name):
        return self.rootfs if name == "rootfs" else self.layer(name)

    def digestfs(self, timed, before="", after="", name="digestfs"):
        """A contender for each build that is measured."""
        programs = self.options.digestfs
        names = [name] if len(programs) == 1 else [f"{name} {i + 1}" for i in range(len(programs))]
        return [
            Contender(named, timed, before, after, program)
            for named, program in zip(names, programs)
        ]

    def of_build(self, program):
        """What the name of a figure ends with, so that it says of which build it is."""
        return "" if len(self.options.digestfs) == 1 else f", {program}"

    def measure(self, *rows):
        return [measure(row, self.options.rounds) for row in rows]
