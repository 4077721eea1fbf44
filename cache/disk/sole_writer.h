// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/handle.h"

namespace digestfs::cache {

/// Tells whether this process was the only one that could write to a file, so that the file holds
/// what this process has written to it and need not be read again. The kernel says so: nobody else
/// has the file open at the start nor at the end (fcntl(2), F_SETLEASE), and nobody has closed it
/// meanwhile after opening it for writing (inotify(7)).
///
/// The answer is "no" wherever the kernel does not know, as on file systems that other machines
/// write to, and while somebody reads the file.
class SoleWriter {
 public:
  /// Watches the file `fd`, which is open for writing once, from now on. Never throws: without a
  /// descriptor to spare, the answer is "no".
  explicit SoleWriter(int fd) noexcept;

  /// Returns true if nobody but the holder of `fd` has written to the file since the construction.
  [[nodiscard]] bool is_alone() const noexcept;

 private:
  int fd_;
  UniqueFd events_;  ///< empty if the answer is "no" from the start
};

}  // namespace digestfs::cache
