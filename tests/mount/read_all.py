# SPDX-License-Identifier: Apache-2.0
"""Reads every digest-named file of a mount in every way a program may read it."""

import hashlib
import mmap
import os
import sys


def forwards(path, step):
    with open(path, "rb", buffering=0) as file:
        while part := file.read(step):
            yield part


def backwards(path, step):
    """The bytes in order, though they were read from the end."""
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        parts = []
        for start in range((size - 1) // step * step, -1, -step):
            parts.append(os.pread(file.fileno(), step, start))
        return reversed(parts)


def mapped(path, _):
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            yield view[:]


def main(mount):
    wrong = []
    files = 0
    for folder in ("indexes", "manifests", "configs", "blobs", "diffs"):
        for name in sorted(os.listdir(os.path.join(mount, folder))):
            path = os.path.join(mount, folder, name)
            algorithm, _, encoded = name.partition(":")
            files += 1
            for read, step in (
                (backwards, 4096),
                (forwards, 4096),
                (forwards, 1 << 20),
                (backwards, 1 << 20),
                (mapped, 0),
            ):
                # Not what an earlier way left in the page cache.
                with open(path, "rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                digest = hashlib.new(algorithm)
                for part in read(path, step):
                    digest.update(part)
                if digest.hexdigest() != encoded:
                    wrong.append(f"{path} read {read.__name__} by {step}")
    for line in wrong:
        print(line)
    print(f"{files} files")
    return 1 if wrong else 0


sys.exit(main(sys.argv[1]))
