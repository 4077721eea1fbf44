// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/handle.h"

namespace digestfs::fs {

/// Watches whether a mount is still in this process's mount table (proc(5), mountinfo). A lazy
/// unmount takes it out there at once, while the kernel tells the file system only when the last
/// user has gone; those that wait for the network would keep it for long.
class MountTable {
 public:
  /// The newest mount at `mountpoint`. Without /proc, or where it is not there, nothing is watched.
  explicit MountTable(std::string_view mountpoint);

  /// To poll for POLLPRI: the table has changed. -1 if there is nothing to watch.
  [[nodiscard]] int fd() const noexcept { return device_ ? table_.get() : -1; }
  /// Whether the mount is still there.
  [[nodiscard]] bool is_mounted();

 private:
  [[nodiscard]] std::string read_table() const;

  UniqueFd table_;
  std::optional<std::string> device_;  ///< `major:minor`, which no other mount has
};

/// The `major:minor` of the last line of `table` whose mount point is `mountpoint`.
[[nodiscard]] std::optional<std::string> find_device(std::string_view table,
                                                     std::string_view mountpoint);

}  // namespace digestfs::fs
