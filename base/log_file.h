// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <filesystem>

#include "base/handle.h"
#include "base/log.h"

namespace digestfs {

/// A file that lines of the log are added to, each with its time before it. Other programs may read
/// it, move it away (as logrotate(8) does) and write to it.
class LogFile {
 public:
  /// Opens the file at the absolute `path`, and makes it, readable by its owner alone, if it is not
  /// there. Throws `std::system_error`.
  explicit LogFile(std::filesystem::path path);

  /// Adds one line. A line that cannot be written is lost. A `LogWriter`, so it is not called from
  /// two threads at once.
  void write(const LogLine& line) noexcept;

  /// Has the next `write` open `path` again, because the file there may be another one by now. If
  /// that fails, the file that is open says so and is used further. Safe from any thread, and waits
  /// for nothing.
  void open_again() noexcept { is_to_be_opened_again_ = true; }

 private:
  // Constant after construction.
  std::filesystem::path path_;
  // Synchronises itself.
  std::atomic<bool> is_to_be_opened_again_{false};
  // Only `write` uses it.
  UniqueFd file_;
};

}  // namespace digestfs
