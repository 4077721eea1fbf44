// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>

#include <sys/types.h>

namespace digestfs::companions {

/// Tells if a mount is still there. What was in a mount that has ended does not exist, which says
/// nothing about an image.
class MountWatch {
 public:
  /// Watches the mount that the directory `path` is in.
  explicit MountWatch(std::filesystem::path path);

  /// Returns true if the directory is gone, or is no longer that of the mount.
  [[nodiscard]] bool has_ended() const noexcept;

 private:
  // Constant after construction.
  std::filesystem::path path_;
  std::optional<dev_t> device_;
};

}  // namespace digestfs::companions
