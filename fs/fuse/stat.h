// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include "fs/node.h"

namespace digestfs::fs {

/// The user who mounted: the owner of everything that has no owner of its own.
struct MountOwner {
  uid_t uid;
  gid_t gid;
};

/// Returns what stat(2) shows of a node with the number `inode`.
[[nodiscard]] struct stat to_stat(InodeNumber inode, const Attributes& attributes,
                                  const MountOwner& owner);

}  // namespace digestfs::fs
