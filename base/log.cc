// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <array>
#include <atomic>

#include <syslog.h>
#include <unistd.h>

namespace digestfs {
namespace {

// The one global of the program.
std::atomic<LogLevel> threshold{LogLevel::warning};
std::atomic<bool> use_syslog{false};

constexpr std::array<std::string_view, 4> kWords = {"error", "warning", "info", "debug"};
constexpr std::array<int, 4> kPriorities = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view word) noexcept {
  for (std::size_t i = 0; i < kWords.size(); ++i) {
    if (kWords[i] == word) return static_cast<LogLevel>(i);
  }
  if (word == "warn") return LogLevel::warning;
  return std::nullopt;
}

void set_log_level(LogLevel level) noexcept { threshold = level; }

bool log_enabled(LogLevel level) noexcept { return level <= threshold.load(); }

void log_to_syslog() noexcept {
  ::openlog("digestfs", LOG_PID, LOG_DAEMON);
  use_syslog = true;
}

void log_line(LogLevel level, std::string_view message) noexcept try {
  const auto index = static_cast<std::size_t>(level);
  std::string line(kWords[index]);
  line += ": " + escaped(message);
  if (use_syslog) {
    ::syslog(kPriorities[index], "%s", line.c_str());
    return;
  }
  line += '\n';
  // One write a line, so that lines of several threads do not mix.
  [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, line.data(), line.size());
} catch (...) {
  // A line that cannot be formatted is lost; there is nowhere left to say so.
}

}  // namespace digestfs
