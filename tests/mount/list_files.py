# SPDX-License-Identifier: Apache-2.0
"""Lists the files of a folder, or of a tar, one a line, as facts that can be compared.

    list_files.py [--without FACT,…] folder PATH
    list_files.py [--without FACT,…] tar FILE

Facts: type, mode, owner, size, mtime (to the nanosecond), target, device, links (the first of a
file's names, where it has several), xattrs, sha256. What a tar says is by Python's own tarfile.
"""
import decimal
import hashlib
import json
import os
import stat
import sys
import tarfile

TYPES = {stat.S_IFDIR: "d", stat.S_IFREG: "f", stat.S_IFLNK: "l", stat.S_IFCHR: "c",
         stat.S_IFBLK: "b", stat.S_IFIFO: "p"}


def digest(stream):
    sum = hashlib.sha256()
    while part := stream.read(1 << 20):
        sum.update(part)
    return sum.hexdigest()


def xattrs_of(path):
    return {name: os.getxattr(path, name, follow_symlinks=False).hex()
            for name in os.listxattr(path, follow_symlinks=False)
            # The mount's own, and what this machine's disk adds.
            if name != "user.digestfs.layer" and not name.startswith("system.")}


def facts_of_file(path, first_names):
    status = os.lstat(path)
    kind = TYPES[stat.S_IFMT(status.st_mode)]
    facts = {"type": kind, "owner": f"{status.st_uid}:{status.st_gid}",
             "mtime": status.st_mtime_ns, "xattrs": xattrs_of(path)}
    if kind != "l":
        facts["mode"] = oct(stat.S_IMODE(status.st_mode))
    if kind != "d" and status.st_nlink > 1:
        facts["links"] = (status.st_nlink, first_names.setdefault(status.st_ino, path))
    if kind == "l":
        facts["target"] = os.readlink(path)
    if kind in "cb":
        facts["device"] = f"{os.major(status.st_rdev)},{os.minor(status.st_rdev)}"
    if kind == "f":
        facts["size"] = status.st_size
        with open(path, "rb") as file:
            facts["sha256"] = digest(file)
    return facts


def list_folder(root):
    os.chdir(root)
    listing, first_names = {}, {}
    # In one order whatever the folders' own, so that the first of a file's names is the same.
    for folder, names, files in os.walk("."):
        names.sort()
        for name in names + files:
            listing[os.path.normpath(os.path.join(folder, name))] = None
    for path in sorted(listing):
        listing[path] = facts_of_file(path, first_names)
    return listing


def nanoseconds(entry):
    exact = entry.pax_headers.get("mtime")
    return int(decimal.Decimal(exact if exact is not None else entry.mtime) * 10**9)


def facts_of_entry(tar, entry):
    kind = next(kind for test, kind in (
        (entry.isdir, "d"), (entry.issym, "l"), (entry.ischr, "c"), (entry.isblk, "b"),
        (entry.isfifo, "p"), (entry.isfile, "f")) if test())
    prefix = "SCHILY.xattr."
    facts = {"type": kind, "owner": f"{entry.uid}:{entry.gid}", "mtime": nanoseconds(entry),
             "xattrs": {key[len(prefix):]: value.encode("utf-8", "surrogateescape").hex()
                        for key, value in entry.pax_headers.items() if key.startswith(prefix)}}
    if kind != "l":
        facts["mode"] = oct(entry.mode & 0o7777)
    if kind == "l":
        facts["target"] = entry.linkname
    if kind in "cb":
        facts["device"] = f"{entry.devmajor},{entry.devminor}"
    if kind == "f":
        facts["size"] = entry.size
        facts["sha256"] = digest(tar.extractfile(entry))
    return facts


def list_tar(file):
    listing, same = {}, {}
    with tarfile.open(file, "r:", errors="surrogateescape") as tar:
        for entry in tar:
            path = os.path.normpath(entry.name.lstrip("/"))
            if path == ".":
                continue
            # PATH-5: the last of a name wins, and leaves its other names alone.
            same.pop(path, set()).discard(path)
            if entry.islnk():
                target = os.path.normpath(entry.linkname.lstrip("/"))
                listing[path] = listing[target]
                same.setdefault(target, {target}).add(path)
                same[path] = same[target]
            else:
                listing[path] = facts_of_entry(tar, entry)
    for path, names in same.items():
        if len(names) == 1:
            continue
        listing[path] = dict(listing[path], links=(len(names), min(names)))
    # Folders that only their content implies (PATH-3).
    for path in list(listing):
        while path := os.path.dirname(path):
            listing.setdefault(path, {"type": "d", "owner": "0:0", "mtime": 0, "xattrs": {},
                                      "mode": "0o755"})
    return listing


def main(arguments):
    without = set()
    if arguments[0] == "--without":
        without = set(arguments[1].split(","))
        arguments = arguments[2:]
    listing = {"folder": list_folder, "tar": list_tar}[arguments[0]](arguments[1])
    for path, facts in sorted(listing.items()):
        kept = {key: value for key, value in sorted(facts.items()) if key not in without}
        print(json.dumps([path, kept], sort_keys=True))


main(sys.argv[1:])
