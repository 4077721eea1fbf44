// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <iterator>
#include <mutex>
#include <stop_token>
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

/// Where the lines go, and the latest of them.
struct Log {
  std::atomic<LogLevel> threshold{LogLevel::warning};

  std::mutex
      writing;       ///< Held while a line is written. Nothing else waits for it with a lock held.
  LogWriter writer;  ///< guarded by `writing`

  std::mutex keeping;                ///< guards what follows
  std::deque<std::string> news;      ///< lines that only inform
  std::deque<std::string> failures;  ///< warnings and errors
  std::deque<LogLine> waiting;       ///< for the thread, if there is one
  bool has_thread = false;
  std::size_t lost = 0;  ///< how many lines found no place in `waiting`
  std::condition_variable_any added;
};

/// Returns the one global of the program. It is never destroyed, because a thread may outlive the
/// end of main.
Log& log() {
  static Log* const the_log = new Log;
  return *the_log;
}

void write_to_stderr(const LogLine& line) {
  const std::string whole = line.text + '\n';
  [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, whole.data(), whole.size());
}

LogLine line_of(LogLevel level, std::string_view message) {
  return {.level = level,
          .time = rfc3339_text(std::chrono::system_clock::now()),
          .text = str_cat(kWords[static_cast<std::size_t>(level)], ": ", escaped(message))};
}

/// Keeps the line for `recent_log`. The caller holds the lock.
void keep(const LogLine& line) {
  auto& lines = line.level <= LogLevel::warning ? log().failures : log().news;
  lines.push_back(str_cat(line.time, " ", shortened(line.text, kMaxKept), "\n"));
  if (lines.size() > kRecentLogLines) lines.pop_front();
}

void write(const LogLine& line) {
  const std::lock_guard lock(log().writing);
  if (log().writer) {
    log().writer(line);
  } else {
    write_to_stderr(line);
  }
}

/// Returns the lines that wait. Waits until there is one, or until `stop` is requested.
std::deque<LogLine> take_waiting(const std::stop_token& stop) {
  std::unique_lock lock(log().keeping);
  log().added.wait(lock, stop, [] { return !log().waiting.empty(); });
  auto lines = std::exchange(log().waiting, {});
  if (const auto lost = std::exchange(log().lost, 0); lost > 0) {
    lines.push_back(
        line_of(LogLevel::warning, str_cat(lost, " lines came faster than they could be written")));
  }
  return lines;
}

void write_waiting(const std::stop_token& stop) noexcept try {
  while (!stop.stop_requested()) {
    for (const LogLine& line : take_waiting(stop)) write(line);
  }
} catch (const std::exception&) {
  // Without memory the lines are only kept, until there is no thread any more.
}

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view word) noexcept {
  for (std::size_t i = 0; i < kWords.size(); ++i) {
    if (kWords[i] == word) return static_cast<LogLevel>(i);
  }
  if (word == "warn") return LogLevel::warning;
  return std::nullopt;
}

void set_log_level(LogLevel level) noexcept { log().threshold = level; }

bool log_enabled(LogLevel level) noexcept {
  return level <= std::max(log().threshold.load(), LogLevel::info);
}

void log_to(LogWriter writer) {
  const std::lock_guard lock(log().writing);
  log().writer = std::move(writer);
}

void log_to_stderr() { log_to({}); }

void log_to_syslog() {
  ::openlog("digestfs", LOG_PID, LOG_DAEMON);
  log_to([](const LogLine& line) {
    ::syslog(kPriorities[static_cast<std::size_t>(line.level)], "%s", line.text.c_str());
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
  LogLine line = line_of(level, message);
  const bool is_written = level <= log().threshold.load();
  {
    const std::lock_guard lock(log().keeping);
    keep(line);
    if (!is_written) return;
    if (log().has_thread) {
      if (log().waiting.size() < kMaxWaitingLines) {
        log().waiting.push_back(std::move(line));
      } else {
        ++log().lost;
      }
      log().added.notify_one();
      return;
    }
  }
  write(line);
} catch (...) {
  // A line that cannot be formatted is lost; there is nowhere left to say so.
}

LogThread::LogThread() : thread_(write_waiting) {
  const std::lock_guard lock(log().keeping);
  log().has_thread = true;
}

LogThread::~LogThread() {
  {
    const std::lock_guard lock(log().keeping);
    log().has_thread = false;
  }
  thread_.request_stop();
  thread_.join();
  // What has come since the thread looked last.
  try {
    const std::stop_source stopped;
    stopped.request_stop();
    for (const LogLine& line : take_waiting(stopped.get_token())) write(line);
  } catch (const std::exception&) {
    // Without memory the lines are only kept.
  }
}

}  // namespace digestfs
