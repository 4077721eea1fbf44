#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_kinds.py TAR: writes a tar that has every kind of file that a layer can have."""

import io
import sys
import tarfile

UTF8_PAX = {"encoding": "utf-8", "errors": "surrogateescape"}


def entry(name, kind=tarfile.REGTYPE, content=b"", **more):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.mtime, info.mode = kind, len(content), 1700000000.25, 0o644
    for key, value in more.items():
        setattr(info, key, value)
    return info, io.BytesIO(content)


def entries():
    folder = tarfile.DIRTYPE
    long_name = "long/" + "/".join(letter * 120 for letter in "defg")
    yield entry("./", folder, mode=0o755)
    yield entry("empty")
    yield entry("a", content=b"a\n", pax_headers={"SCHILY.xattr.user.x": "y"})
    yield entry("hard", tarfile.LNKTYPE, linkname="a")
    yield entry("symlink", tarfile.SYMTYPE, linkname="../" * 20 + "etc/passwd")
    yield entry("dangling", tarfile.SYMTYPE, linkname="l" * 300)
    yield entry("fifo", tarfile.FIFOTYPE)
    yield entry("character", tarfile.CHRTYPE, devmajor=1, devminor=3)
    yield entry("block", tarfile.BLKTYPE, devmajor=7, devminor=200)
    yield entry("long", folder, mode=0o755)
    yield entry(long_name, content=b"deep")
    yield entry("n" * 255, content=b"the longest name")
    yield entry("odd\udcffname", content=b"no UTF-8")
    yield entry("new\nline", content=b"y")
    yield entry("blank \t*?[\\", content=b"z")
    yield entry("\u00e4\u4e16\u754c", content=b"Unicode")
    yield entry("./dots/../dots/./file", content=b"dots")
    yield entry("set-user", content=b"s", mode=0o4755, uid=12, gid=34)
    yield entry("nobody-reads", content=b"n", mode=0)
    yield entry("sticky", folder, mode=0o1777)
    yield entry("old", content=b"o", mtime=0)
    yield entry("older", content=b"p", mtime=-100000)
    yield entry("of-a-name", content=b"q", uname="somebody", gname="a group")
    yield entry("big", content=bytes(i * 7919 >> 3 & 255 for i in range(300000)))
    yield entry(".wh.gone")
    yield entry("opaque", folder, mode=0o755)
    yield entry("opaque/.wh..wh..opq")
    yield entry("opaque/new", content=b"new")


with open(sys.argv[1], "wb") as output:
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT,
                      pax_headers={"comment": "of the whole"}, **UTF8_PAX) as tar:
        for info, content in entries():
            tar.addfile(info, content)
    # What follows the end of a tar is a part of the layer.
    output.write(b"\0" * 5120 + b"after the end")
