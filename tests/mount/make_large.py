#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_large.py FOLDER: makes an OCI layout whose image `large` has one layer, of a file `zeros` of
320 MiB and a file `noise` of 80 MiB. That is quick, and takes no more room than the noise. Prints
the sha256 of the tar and of the two files."""

import hashlib
import json
import pathlib
import random
import sys
import tarfile
import zlib

MIB = 1 << 20
TYPES = "application/vnd.oci.image."


def numbered_zeros(count):
    for i in range(count):
        yield i.to_bytes(8, "big") + bytes(MIB - 8)


def noise(count):
    numbers = random.Random(1)
    for _ in range(count):
        yield numbers.randbytes(MIB)


FILES = [("zeros", 320, numbered_zeros), ("noise", 80, noise)]


def tar(sums):
    """The parts of the tar. Leaves the sums of its files in `sums`."""
    for name, count, content in FILES:
        info = tarfile.TarInfo(name)
        info.size = count * MIB
        yield info.tobuf(tarfile.USTAR_FORMAT)
        summed = hashlib.sha256()
        for part in content(count):
            summed.update(part)
            yield part
        sums[name] = summed.hexdigest()
    yield bytes(2 * tarfile.BLOCKSIZE)


def put(blobs, data, media_type):
    name = hashlib.sha256(data).hexdigest()
    (blobs / name).write_bytes(data)
    return {"mediaType": TYPES + media_type, "digest": f"sha256:{name}", "size": len(data)}


def put_layer(blobs, sums):
    """Compresses the layer. Returns its descriptor."""
    summed, size = hashlib.sha256(), 0
    diff = hashlib.sha256()
    # At this level noise is stored as it is.
    compressor = zlib.compressobj(1, wbits=16 + zlib.MAX_WBITS)
    with open(blobs / "layer", "wb") as file:
        for part in tar(sums):
            diff.update(part)
            compressed = compressor.compress(part)
            file.write(compressed)
            summed.update(compressed)
        rest = compressor.flush()
        file.write(rest)
        summed.update(rest)
        size = file.tell()
    sums["tar"] = diff.hexdigest()
    name = summed.hexdigest()
    (blobs / "layer").rename(blobs / name)
    media_type = TYPES + "layer.v1.tar+gzip"
    return {"mediaType": media_type, "digest": f"sha256:{name}", "size": size}


def main():
    folder = pathlib.Path(sys.argv[1])
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)
    sums = {}
    layer = put_layer(blobs, sums)
    rootfs = {"type": "layers", "diff_ids": ["sha256:" + sums["tar"]]}
    config = {"architecture": "amd64", "os": "linux", "rootfs": rootfs}
    manifest = {
        "schemaVersion": 2,
        "mediaType": TYPES + "manifest.v1+json",
        "config": put(blobs, json.dumps(config).encode(), "config.v1+json"),
        "layers": [layer],
    }
    described = put(blobs, json.dumps(manifest).encode(), "manifest.v1+json")
    described["annotations"] = {"org.opencontainers.image.ref.name": "large"}
    index = {"schemaVersion": 2, "manifests": [described]}
    (folder / "index.json").write_text(json.dumps(index), encoding="ascii")
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="ascii")
    print(sums["tar"], sums["zeros"], sums["noise"])


main()
