// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/common/progress.h"

#include <iostream>

#include <unistd.h>

#include "tools/companions/common/terminal.h"

namespace digestfs::companions {

Progress::Progress(ShowProgress show)
    : is_enabled_(show == ShowProgress::yes && ::isatty(STDOUT_FILENO) == 1 &&
                  ::isatty(STDERR_FILENO) == 1) {}

void Progress::show(const std::string& text) {
  if (!is_enabled_) return;
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  constexpr std::chrono::milliseconds kPause(100);
  if (is_shown_ && now - shown_at_ < kPause) return;
  // The last column stays free: some terminals begin a new line there.
  std::cerr << '\r' << fitting(shown(text), look_at_output().width - 1) << "\x1b[K" << std::flush;
  is_shown_ = true;
  shown_at_ = now;
}

void Progress::clear() {
  const std::lock_guard lock(mutex_);
  if (is_shown_) std::cerr << "\r\x1b[K" << std::flush;
  is_shown_ = false;
}

}  // namespace digestfs::companions
