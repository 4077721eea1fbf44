// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <mutex>
#include <string>

namespace digestfs::companions {

/// Says whether a program may show how far it is.
enum class ShowProgress { yes, no };

/// One line on the terminal that says how far the program is, and that is gone afterwards. Nothing
/// is shown unless standard output and standard error are both terminals. Safe for concurrent use.
class Progress {
 public:
  explicit Progress(ShowProgress show);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }

  /// Replaces the line, at most ten times a second. `text` is cut where the terminal ends.
  void show(const std::string& text);
  /// Takes the line away. To be called before anything else is written.
  void clear();

 private:
  // Constant after construction.
  bool is_enabled_ = false;
  // Guards what follows.
  std::mutex mutex_;
  bool is_shown_ = false;
  std::chrono::steady_clock::time_point shown_at_{};
};

}  // namespace digestfs::companions
