// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "base/text.h"

// The log. Each event is one line, "level: message key=value …". The lines go to stderr, until they
// are sent elsewhere: a daemon sends them to syslog or to a file. The latest lines are also kept in
// memory, for `.digestfs/log`. No line contains a token, a password or the query of a URL.

namespace digestfs {

enum class LogLevel {
  error,    ///< a request failed, or data is bad
  warning,  ///< degraded, but served
  info,     ///< mounted, unmounted, fetched
  debug,    ///< every request
};

/// Returns the level that `word` names, as in `--log-level`, or nothing if there is none.
[[nodiscard]] std::optional<LogLevel> parse_log_level(std::string_view word) noexcept;

/// Says which events are written: those of `level` and all that matter more.
void set_log_level(LogLevel level) noexcept;
/// Returns true if events of `level` are written or kept. Those of `info` and above are always
/// kept, whatever is written.
[[nodiscard]] bool log_enabled(LogLevel level) noexcept;

/// One event.
struct LogLine {
  LogLevel level = LogLevel::error;
  std::string time;  ///< when it happened, as in RFC 3339
  std::string text;  ///< "level: message", without a line break at its end
};

/// Writes one line. Called from any thread, but never from two at once.
using LogWriter = std::function<void(const LogLine& line)>;

/// Writes the lines with `writer` from now on. Returns when the writer before is not running and
/// will not be called again.
void log_to(LogWriter writer);
/// Sends the lines to stderr, as at the start.
void log_to_stderr();
/// Sends the lines to syslog(3).
void log_to_syslog();

/// How many warnings and errors are kept for `recent_log`, and how many lines that only inform:
/// many of these must not push out the failure that somebody looks for.
inline constexpr std::size_t kRecentLogLines = 1000;
/// Returns the latest lines in the order of their times, each with its time before it.
[[nodiscard]] std::string recent_log();

/// Logs one event. Safe from any thread. Control characters are escaped: a name from the network
/// must not forge a line. Waits for the writer, unless a `LogThread` lives.
void log_line(LogLevel level, std::string_view message) noexcept;

/// How many lines a `LogThread` has waiting at most.
inline constexpr std::size_t kMaxWaitingLines = 1000;

/// A thread that writes the lines for as long as this object lives, so that nobody waits for a
/// terminal that was stopped or for a disk that hangs. Lines that come while `kMaxWaitingLines`
/// wait are not written; a later line says how many. There is one such object at a time.
class LogThread {
 public:
  /// Throws `std::system_error` if the system gives no thread.
  LogThread();
  LogThread(const LogThread&) = delete;
  LogThread& operator=(const LogThread&) = delete;
  /// Waits until all lines are written.
  ~LogThread();

 private:
  std::jthread thread_;
};

}  // namespace digestfs

/// DIGESTFS_LOG(info, "fetched digest=", digest): evaluates nothing when the level is off.
#define DIGESTFS_LOG(level, ...)                                                           \
  do {                                                                                     \
    if (::digestfs::log_enabled(::digestfs::LogLevel::level)) {                            \
      ::digestfs::log_line(::digestfs::LogLevel::level, ::digestfs::str_cat(__VA_ARGS__)); \
    }                                                                                      \
  } while (false)
