// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <sys/stat.h>

namespace digestfs {

/// What `stat` tells of a file. The fingerprint changes whenever somebody writes to the file, or
/// puts another file in its place.
struct Fingerprint {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;  ///< mtime
  std::int64_t changed_ns = 0;   ///< ctime

  [[nodiscard]] static Fingerprint of(const struct stat& status) noexcept;
  /// Throws `std::system_error` if `fd` cannot be examined.
  [[nodiscard]] static Fingerprint of(int fd);

  /// Returns true if both are of the same file, whatever was written to it.
  [[nodiscard]] bool is_same_file(const Fingerprint& other) const noexcept {
    return device == other.device && inode == other.inode;
  }
  /// Returns true if both are of the same file and nobody wrote to it in between. In contrast to
  /// `==`, the name, the number of links and the mode of the file may have changed.
  [[nodiscard]] bool has_same_content(const Fingerprint& other) const noexcept {
    return is_same_file(other) && size == other.size && modified_ns == other.modified_ns;
  }
  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

}  // namespace digestfs
