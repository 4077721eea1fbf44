#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Layers that are made to cost more than they are worth: bounded time, memory and disk, an error that
# says what it is, and the other layers none the worse (DEC-d, TAR-11, T14, T17).
. "$(dirname "$0")/lib.sh"
expect_errors
require zstd

layout=$work/layout
mkdir -p "$layout/blobs/sha256"
echo '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"

# An image of each layer, and below it one that is harmless. What a layer that is not to be
# uncompressed would give is not known, and does not matter.
python3 - "$layout" <<'PYTHON'
import gzip, hashlib, io, json, os, subprocess, sys, tarfile, zlib
layout, entries = sys.argv[1], []

def put(kind, parts):
    sum, size, path = hashlib.sha256(), 0, f"{layout}/blobs/sha256/new"
    with open(path, "wb") as blob:
        for part in parts:
            blob.write(part)
            sum.update(part)
            size += len(part)
    os.rename(path, f"{layout}/blobs/sha256/{sum.hexdigest()}")
    return {"mediaType": f"application/vnd.oci.image.{kind}",
            "digest": "sha256:" + sum.hexdigest(), "size": size}

def tar_of(names, **fields):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in names:
            entry = tarfile.TarInfo(name)
            for field, value in fields.items():
                setattr(entry, field, value)
            tar.addfile(entry)
    return out.getvalue()

def image(tag, layers):
    blobs = [put("layer.v1.tar+gzip", parts) for _, parts in layers]
    config = put("config.v1+json", [json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {
        "type": "layers", "diff_ids": [diff for diff, _ in layers]}}).encode()])
    manifest = put("manifest.v1+json", [json.dumps({
        "schemaVersion": 2, "config": config, "layers": blobs}).encode()])
    entries.append(dict(manifest, annotations={"org.opencontainers.image.ref.name": tag}))

def layer(tar):
    return "sha256:" + hashlib.sha256(tar).hexdigest(), [gzip.compress(tar, 1, mtime=0)]

good = layer(tar_of(["good"]))

# 100 GiB of zeros, one file by its header, as zstd frames of 1 GiB each: a few MiB. gzip cannot do
# that: it makes a byte of no more than 1032.
def bomb():
    header = tarfile.TarInfo("huge")
    header.size = 100 << 30
    pack = lambda data: subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True,
                                       check=True).stdout
    yield pack(header.tobuf())
    zeros = pack(bytes(1 << 30))
    for _ in range(100):
        yield zeros
image("bomb", [good, ("sha256:" + "b" * 64, list(bomb()))])

sparse = tarfile.TarInfo("sparse")
sparse.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "sparse",
                      "GNU.sparse.realsize": str(1 << 60)}
sparse.size = 513
hole = sparse.tobuf(tarfile.PAX_FORMAT) + b"1\n0\n1\n".ljust(512, b"\0") + b"x".ljust(512, b"\0")
image("sparse", [good, layer(hole + tar_of(["beside"]))])

def empty_files(count, a_folder):
    header = tarfile.TarInfo("x" * 12).tobuf(tarfile.USTAR_FORMAT)
    total = sum(header) - 12 * ord("x") - sum(header[148:156]) + 8 * 32
    head, tail = header[12:148], header[156:]
    for i in range(count):
        name = b"%05d/%06d" % (i // a_folder, i % 1000000)
        yield name + head + b"%06o\0 " % (total + sum(name)) + tail

def many(count, a_folder=1000):
    sum, out, pack = hashlib.sha256(), [], zlib.compressobj(1, zlib.DEFLATED, 31)
    for header in empty_files(count, a_folder):
        sum.update(header)
        out.append(pack.compress(header))
    out.append(pack.flush())
    return "sha256:" + sum.hexdigest(), out
image("million", [good, many(1000 * 1000)])
image("millions", [good, many(2000 * 1000)])
image("crowd", [good, many(100 * 1000, 100 * 1000)])
image("deep", [good, layer(tar_of(["d/" * 5000 + "x", "beside"]))])
image("long", [good, layer(tar_of(["x"], pax_headers={"comment": "c" * (2 << 20)}))])

with open(f"{layout}/index.json", "w") as index:
    json.dump({"schemaVersion": 2, "manifests": entries}, index)
PYTHON

mount_source "oci:$layout"
daemon=${daemons[$mnt]}
resident() { awk '/^VmHWM/ { print $2 * 1024 }' "/proc/$daemon/status"; }
problem() { jq -r "select(.kind == \"$1\") | .detail" "$mnt/.digestfs/problems.jsonl"; }
# fails WITH COMMAND…
fails() {
  local with=$1
  shift
  ! "$@" >/dev/null 2>"$work/failure" || fail "$*: it went well"
  grep -qF "$with" "$work/failure" || fail "$*: $(cat "$work/failure")"
}

# A few MiB that would fill the disk.
(($(du -s --block-size=1 "$layout" | cut -f 1) < 64 << 20)) || fail 'that is no bomb'
fails 'File too large' ls "$mnt/tags/bomb/rootfs"
fails 'File too large' ls "$mnt/tags/bomb/layers/01/tree"
fails 'File too large' cat "$mnt/tags/bomb/layers/01/diff"
[[ $(problem limit) == *times\ its\ size* ]] || fail "problems: $(problem limit)"
(($(du -s --block-size=1 "$cache" | cut -f 1) < 100 << 20)) || fail 'the bomb left something'

# One EiB that is not there.
expect_eq "$(stat -c '%s %b' "$mnt/tags/sparse/rootfs/sparse")" "$((1 << 60)) 1"
expect_eq "$(head -c 3 "$mnt/tags/sparse/rootfs/sparse" | od -An -tx1)" ' 78 00 00'
expect_eq "$(tail -c 3 "$mnt/tags/sparse/rootfs/sparse" | od -An -tx1)" ' 00 00 00'
expect_eq "$(ls "$mnt/tags/sparse/rootfs")" $'beside\ngood\nsparse'

# A path that no system call takes.
expect_eq "$(ls "$mnt/tags/deep/rootfs")" $'beside\ngood'
[[ $(problem bad-entry) == *too\ long* ]] || fail "problems: $(problem bad-entry)"
fails 'File too large' ls "$mnt/tags/long/rootfs"

# A million files can be used, and cost at most 128 bytes each beyond their names (12 bytes here),
# for the layer and the rootfs both; what making them took on top is given back.
before=$(awk '/^VmRSS/ { print $2 * 1024 }' "/proc/$daemon/status")
expect_eq "$(find "$mnt/tags/million/layers/01/tree" -type f | wc -l)" 1000000
after=$(awk '/^VmRSS/ { print $2 * 1024 }' "/proc/$daemon/status")
echo "a million files: $(((after - before) / 1000000)) bytes each, $(resident) at most"
# What a sanitizer adds to memory is no matter.
if ! grep -qE '__(asan|tsan)_init' "$DIGESTFS"; then
  (((after - before) / 1000000 < 150)) || fail "$((after - before)) bytes for a million files"
  (($(resident) < 1 << 30)) || fail "$(resident) bytes at most for a million files"
fi
expect_eq "$(stat -c %s "$mnt/tags/million/rootfs/00999/999999")" 0

# Twice as many are no reason to fail, nor are many in one directory.
expect_eq "$(find "$mnt/tags/millions/rootfs" -type f | wc -l)" 2000001
expect_eq "$(find "$mnt/tags/crowd/rootfs/00000" -type f | wc -l)" 100000

# All the others are none the worse.
for tag in bomb sparse million millions crowd deep long; do
  expect_eq "$(ls "$mnt/tags/$tag/layers/00/tree")" good "$tag"
  sha256sum "$mnt/tags/$tag/layers/01/blob" >/dev/null
done
unmount
