// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <mutex>
#include <string>

#include "base/handle.h"

namespace digestfs {

/// A file that lines of the log are added to, each with its time before it. Other programs may read
/// it, move it away (as logrotate(8) does) and write to it. Safe for concurrent use.
class LogFile {
 public:
  /// Opens the file at the absolute `path`, and makes it, readable by its owner alone, if it is not
  /// there. Throws `std::system_error`.
  explicit LogFile(std::filesystem::path path);

  /// Adds one line, which has no line break at its end. A line that cannot be written is lost.
  void write(const std::string& line) noexcept;

  /// Opens `path` again, because the file there may be another one by now. Throws
  /// `std::system_error`, and goes on with the file that is open.
  void open_again();

 private:
  // Constant after construction.
  std::filesystem::path path_;
  // Guards what follows.
  std::mutex mutex_;
  UniqueFd file_;
};

}  // namespace digestfs
