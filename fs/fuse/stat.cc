// SPDX-License-Identifier: Apache-2.0
#include "fs/fuse/stat.h"

namespace digestfs::fs {
namespace {

mode_t type_bits(FileType type) {
  switch (type) {
    case FileType::directory:
      return S_IFDIR;
    case FileType::file:
      return S_IFREG;
    case FileType::symlink:
      return S_IFLNK;
    case FileType::character_device:
      return S_IFCHR;
    case FileType::block_device:
      return S_IFBLK;
    case FileType::fifo:
      return S_IFIFO;
  }
  return 0;
}

/// The permissions of a node that no image gives any: nobody may change it.
mode_t our_permissions(FileType type) {
  switch (type) {
    case FileType::directory:
      return 0555;
    case FileType::symlink:
      return 0777;
    default:
      return 0444;
  }
}

}  // namespace

struct stat to_stat(InodeNumber inode, const Attributes& attributes, const MountOwner& owner) {
  struct stat status {};
  status.st_ino = inode;
  status.st_mode = type_bits(attributes.type);
  if (const auto& ownership = attributes.ownership) {
    status.st_mode |= ownership->mode;
    status.st_uid = ownership->uid;
    status.st_gid = ownership->gid;
  } else {
    status.st_mode |= our_permissions(attributes.type);
    status.st_uid = owner.uid;
    status.st_gid = owner.gid;
  }
  status.st_nlink = attributes.links;
  status.st_rdev = attributes.device;
  status.st_size = static_cast<off_t>(attributes.size);
  // Of the size, never of what the cache holds: tar -S takes a file with few blocks for a hole.
  status.st_blocks =
      static_cast<blkcnt_t>((attributes.stored.value_or(attributes.size) + 511) / 512);
  status.st_blksize = 128 << 10;
  status.st_mtim = {attributes.modified.seconds, attributes.modified.nanoseconds};
  // Files of an image have no such time. It must not move either when the attributes of a tree's
  // root take the place of the placeholder, or tar says that the root changed as it was read.
  if (!attributes.ownership) status.st_ctim = status.st_mtim;
  status.st_atim = status.st_mtim;
  return status;
}

}  // namespace digestfs::fs
