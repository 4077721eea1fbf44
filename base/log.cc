// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <iterator>
#include <mutex>
#include <utility>
#include <vector>

#include <syslog.h>
#include <unistd.h>

#include "base/rfc3339.h"

namespace digestfs {
namespace {

// What is kept of one line, in bytes.
constexpr std::size_t kMaxKept = 2000;

constexpr std::array<std::string_view, 4> kWords = {"error", "warning", "info", "debug"};
constexpr std::array<int, 4> kPriorities = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};

// How long a line waits for another one that a disk or a terminal holds. It is lost then, but for
// `recent_log`: nothing in the program may hang because its log does.
constexpr std::chrono::milliseconds kPatience(100);

/// Where the lines go, and the latest of them.
struct Log {
  std::timed_mutex writing;  ///< held while a line is written, so that lines do not mix
  LogWriter writer;          ///< guarded by `writing`
  std::mutex keeping;
  std::deque<std::string> news;      ///< lines that only inform; guarded by `keeping`
  std::deque<std::string> failures;  ///< warnings and errors; guarded by `keeping`
};

// The one global of the program. The log is never destroyed, because a thread may outlive the end
// of main.
std::atomic<LogLevel> threshold{LogLevel::warning};
Log& log() {
  static Log* const the_log = new Log;
  return *the_log;
}

void write_to_stderr(LogLevel /*level*/, const std::string& line) {
  const std::string whole = line + '\n';
  [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, whole.data(), whole.size());
}

void keep(LogLevel level, const std::string& line) {
  std::string kept =
      str_cat(rfc3339_text(std::chrono::system_clock::now()), " ", shortened(line, kMaxKept), "\n");
  const std::lock_guard lock(log().keeping);
  auto& lines = level <= LogLevel::warning ? log().failures : log().news;
  lines.push_back(std::move(kept));
  if (lines.size() > kRecentLogLines) lines.pop_front();
}

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view word) noexcept {
  for (std::size_t i = 0; i < kWords.size(); ++i) {
    if (kWords[i] == word) return static_cast<LogLevel>(i);
  }
  if (word == "warn") return LogLevel::warning;
  return std::nullopt;
}

void set_log_level(LogLevel level) noexcept { threshold = level; }

bool log_enabled(LogLevel level) noexcept {
  return level <= std::max(threshold.load(), LogLevel::info);
}

void log_to(LogWriter writer) {
  const std::lock_guard lock(log().writing);
  log().writer = std::move(writer);
}

void log_to_stderr() { log_to({}); }

void log_to_syslog() {
  ::openlog("digestfs", LOG_PID, LOG_DAEMON);
  log_to([](LogLevel level, const std::string& line) {
    ::syslog(kPriorities[static_cast<std::size_t>(level)], "%s", line.c_str());
  });
}

std::string recent_log() {
  const std::lock_guard lock(log().keeping);
  std::vector<std::string> lines;
  lines.reserve(log().failures.size() + log().news.size());
  // Each begins with its time, in a form that sorts as the time does.
  const auto time_of = [](const std::string& line) {
    return std::string_view(line).substr(0, line.find(' '));
  };
  std::ranges::merge(log().failures, log().news, std::back_inserter(lines), {}, time_of, time_of);
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

void log_line(LogLevel level, std::string_view message) noexcept try {
  const std::string line = str_cat(kWords[static_cast<std::size_t>(level)], ": ", escaped(message));
  keep(level, line);
  if (level > threshold.load()) return;
  const std::unique_lock lock(log().writing, kPatience);
  if (!lock) return;
  if (log().writer) {
    log().writer(level, line);
  } else {
    write_to_stderr(level, line);
  }
} catch (...) {
  // A line that cannot be formatted is lost; there is nowhere left to say so.
}

}  // namespace digestfs
