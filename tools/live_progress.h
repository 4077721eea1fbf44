// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/workers.h"
#include "cache/transfers.h"

namespace digestfs::tools {

/// Returns a line for each transfer that a person would wonder about, at most `most` lines of at
/// most `width` columns. If there are more transfers, the last line says how many.
[[nodiscard]] std::vector<std::string> progress_lines(const std::vector<cache::Transfer>& transfers,
                                                      std::size_t width, std::size_t most);

/// Returns true if standard error is a terminal that can take lines away again.
[[nodiscard]] bool can_show_lines();

/// Tells people what the daemon transfers. On a terminal, there is a line for each transfer on
/// standard error, which is gone when the transfer has ended; lines of the log go above them. While
/// the program is in the background of its terminal, or the terminal is stopped, nothing is drawn.
/// Anywhere else, the log gets a line about each long transfer every ten seconds (`info`). Safe for
/// concurrent use. Must not outlive the workers.
class LiveProgress {
 public:
  enum class Where { terminal, log };

  LiveProgress(const Workers& workers, Where where);
  LiveProgress(const LiveProgress&) = delete;
  LiveProgress& operator=(const LiveProgress&) = delete;
  ~LiveProgress();

  /// Takes the lines away, and uses the log from now on.
  void leave_terminal();

  /// Writes a line of the log above the lines. For `log_to`.
  void write_above(const std::string& line);

 private:
  void run(const std::stop_token& stop);
  void draw();
  void log_long_transfers();
  [[nodiscard]] std::string erasure() const;

  // Constant after construction.
  const Workers& workers_;
  // Guards what follows.
  std::mutex mutex_;
  std::condition_variable_any wake_;
  Where where_;
  std::vector<std::string> shown_;
  // Only the thread uses it: what was under way ten seconds ago.
  std::set<std::string> known_;
  // Last, because it uses all of the above.
  std::jthread thread_;
};

}  // namespace digestfs::tools
