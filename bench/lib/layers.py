# SPDX-License-Identifier: Apache-2.0
"""Layers to measure with: tars, and the blobs that registries make of them."""

import dataclasses
import functools
import hashlib
import io
import os
import random
import shutil
import subprocess
import tarfile

MIB = 1 << 20
TEXT = 32 * MIB  # no compressor here looks back that far
COMPRESS = {
    "gzip": (["gzip", "-6", "--no-name"], ".gz", "tar+gzip"),
    "igzip": (["igzip", "-2"], ".gz", "tar+gzip"),  # for what is too large for gzip
    "zstd": (["zstd", "-3", "-q"], ".zst", "tar+zstd"),
}


@dataclasses.dataclass
class Layer:
    tar: str  # paths
    blob: str
    diff_id: str
    digest: str
    media_type: str

    @property
    def tar_size(self):
        return os.path.getsize(self.tar)


def in_large_pieces(path):
    """A file to write to. What a layer is read from natively is measured, too, and the kernel reads
    a file that was written in small pieces more slowly: it keeps it in small pages."""
    return open(path, "wb", buffering=MIB)


def digest_of(path):
    hashed = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(MIB):
            hashed.update(part)
    return "sha256:" + hashed.hexdigest()


def compress(tar, how="gzip"):
    """The layer of a tar on disk."""
    command, suffix, media_type = COMPRESS[how]
    with open(tar, "rb") as source, in_large_pieces(tar + suffix) as sink:
        with subprocess.Popen(command + ["-c"], stdin=source, stdout=subprocess.PIPE) as program:
            shutil.copyfileobj(program.stdout, sink, MIB)
    if program.returncode != 0:
        raise RuntimeError(f"{command[0]} failed")
    media_type = "application/vnd.oci.image.layer.v1." + media_type
    return Layer(tar, tar + suffix, digest_of(tar), digest_of(tar + suffix), media_type)


@functools.cache
def text():
    """Bytes that compress about as well as programs do."""
    numbers = random.Random(1)
    words = [numbers.randbytes(8) for _ in range(4000)]
    return b"".join(numbers.choices(words, k=TEXT // 8))


def add(archive, name, size, at):
    """Adds a file: `size` bytes of the text, from somewhere."""
    at = at % (TEXT - size)
    entry = tarfile.TarInfo(name)
    entry.size = size
    entry.mode = 0o644
    archive.addfile(entry, io.BytesIO(memoryview(text())[at : at + size]))


def few_large_files(path, mib, seed=0):
    """A tar of about `mib` MiB, in files of 1 MiB."""
    with in_large_pieces(path) as file, tarfile.open(fileobj=file, mode="w") as archive:
        for i in range(max(1, mib)):
            add(archive, f"usr/lib/file{i}", MIB - 512, (i + seed) * 999_983)
    return path


def many_small_files(path, count):
    """A tar like a rootfs: `count` files of 200 bytes to 60 KiB in directories of some 50."""
    numbers = random.Random(2)
    with in_large_pieces(path) as file, tarfile.open(fileobj=file, mode="w") as archive:
        for i in range(count):
            size = int(200 * 300 ** numbers.random())
            add(archive, f"usr/share/{i // 1000}/{i // 50}/file{i}.txt", size, i * 70_001)
    return path


def system_files(path, mib):
    """A tar of about `mib` MiB of this system's own programs, libraries and documents, a cut through
    all of them, and the name of a file in it. It is what images are made of."""
    found = []
    for folder, _, names in os.walk("/usr"):
        if folder.startswith(("/usr/src", "/usr/local")):
            continue
        found += [f"{folder}/{name}" for name in names]
    found = [name for name in found if os.path.isfile(name) and os.access(name, os.R_OK)]
    # In an order that has nothing to do with what the files are.
    found.sort(key=lambda name: hashlib.md5(os.fsencode(name)).digest())
    size, first = 0, None
    with in_large_pieces(path) as file, tarfile.open(fileobj=file, mode="w") as archive:
        for name in found:
            bytes_of_it = os.lstat(name).st_size
            if size + bytes_of_it > mib * MIB:
                continue
            archive.add(name, recursive=False)
            size += bytes_of_it
            if first is None and bytes_of_it > 0 and not os.path.islink(name):
                first = name.lstrip("/")
    return path, first


def header(name, kind, mode):
    """A tar header of 512 bytes, without the cost of a TarInfo."""
    head = b"%-100.100b%07o\0%07o\0%07o\0%011o\0%011o\0        %b" % (
        name.encode().ljust(100, b"\0"), mode, 0, 0, 0, 0, kind,
    )
    head = head.ljust(257, b"\0") + b"ustar\x0000"
    head = head.ljust(512, b"\0")
    return head[:148] + b"%06o\0 " % sum(head) + head[156:]


def empty_names(count):
    """The names of `empty_files`."""
    for i in range(count):
        folder = f"usr/share/{i // 1000:04}/"
        yield folder if i % 1000 == 0 else f"{folder}file{i:07}"


def empty_files(path, count):
    """A tar of `count` entries: empty files in directories of a thousand. Returns it, and how many
    bytes their names take in the directories that they are in."""
    names_size = 0
    with in_large_pieces(path) as file:
        for name in empty_names(count):
            is_folder = name.endswith("/")
            file.write(header(name, b"5" if is_folder else b"0", 0o755 if is_folder else 0o644))
            names_size += len(name.rstrip("/").rpartition("/")[2])
        file.write(bytes(1024))
    return path, names_size
