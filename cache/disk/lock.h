// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cache/disk/directory.h"

// Locks on files of the cache (flock). A lock belongs to an open file and ends with it, also where
// a process is killed. Nothing here waits.

namespace digestfs::cache {

/// Says whether a lock was taken. It is impossible on file systems that have no locks.
enum class Locked { yes, no, impossible };

/// Takes the lock of `fd` for one holder, if the file still has the name `path`: an earlier holder
/// may have renamed or removed it. `no` means that the caller should open the name again later.
[[nodiscard]] Locked lock_named(const Directory& directory, const std::string& path, int fd);

/// Takes the lock of a file that nobody else has open, for one holder.
void lock_own(int fd) noexcept;

/// Marks an object as in use for as long as `fd` is open, in any number of processes. Others that
/// use it too are no obstacle.
void mark_in_use(int fd) noexcept;

/// Returns whether an object is marked as in use by somebody else, and if not, keeps others from
/// marking it as long as `fd` is open.
[[nodiscard]] bool is_in_use(int fd) noexcept;

}  // namespace digestfs::cache
