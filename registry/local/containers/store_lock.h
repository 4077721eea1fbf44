// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/handle.h"
#include "base/request.h"
#include "registry/local/folder.h"

namespace digestfs::registry {

/// A lock file of containers/storage, locked for reading for as long as the object lives. podman
/// and its like lock it for writing while they change the records beside it. The lock is shared
/// with other readers, and belongs to this object and not to the process.
class StoreLock {
 public:
  /// Locks the file `name` in `folder`. Without such a file (a store on a disk that nobody writes
  /// to) nothing is locked. If another process holds the lock, waits until the deadline of
  /// `request`, and without one for ever. Throws `Errc::timed_out` then.
  StoreLock(const Folder& folder, const std::string& name, const Request& request);

  /// Returns `request` with a deadline for all locks that it needs: 4 s for a question, 30 s
  /// for content.
  [[nodiscard]] static Request bounded(Request request);

 private:
  UniqueFd fd_;  ///< Closing it releases the lock.
};

}  // namespace digestfs::registry
