// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/handle.h"

namespace digestfs::fs {

/// Watches whether a mount is still in this process's mount table (proc(5), mountinfo). A lazy
/// unmount takes it out of the table at once, but the kernel tells the file system only when its
/// last user has gone, and users that wait for the network would stay for long. libmount would read
/// the table in fewer lines, but it opens the file for each look, and there may be no descriptor
/// left.
class MountTable {
 public:
  /// Watches the newest mount at `mountpoint`. Watches nothing if there is no /proc or no such
  /// mount.
  explicit MountTable(std::string_view mountpoint);

  /// The descriptor to poll: POLLPRI says that the table has changed. -1 if nothing is watched.
  [[nodiscard]] int fd() const noexcept { return device_ ? table_.get() : -1; }
  /// The `major:minor` of the mount, which no other mount has. Nothing if nothing is watched.
  [[nodiscard]] const std::optional<std::string>& device() const noexcept { return device_; }
  /// Returns true if the mount is still in the table, or if nothing is watched.
  [[nodiscard]] bool is_mounted();

 private:
  [[nodiscard]] std::string read_table() const;

  UniqueFd table_;
  std::optional<std::string> device_;
};

/// Returns the `major:minor` of the last line of `table` whose mount point is `mountpoint`.
[[nodiscard]] std::optional<std::string> find_device(std::string_view table,
                                                     std::string_view mountpoint);

}  // namespace digestfs::fs
