// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/text.h"

// The log. Each event is one line, "level: message key=value …", on stderr until the program
// becomes a daemon, and in syslog from then on. No line contains a token, a password or the query
// of a URL.

namespace digestfs {

enum class LogLevel {
  error,    ///< a request failed, or data is bad
  warning,  ///< degraded, but served
  info,     ///< mounted, unmounted, fetched
  debug,    ///< every request
};

/// Returns the level that `word` names, as in `--log-level`, or nothing if there is none.
[[nodiscard]] std::optional<LogLevel> parse_log_level(std::string_view word) noexcept;

void set_log_level(LogLevel level) noexcept;
[[nodiscard]] bool log_enabled(LogLevel level) noexcept;

/// Sends the log to syslog(3) from now on.
void log_to_syslog() noexcept;

/// Writes one line at once. Safe from any thread. Control characters are escaped: a name from the
/// network must not forge a line.
void log_line(LogLevel level, std::string_view message) noexcept;

}  // namespace digestfs

/// DIGESTFS_LOG(info, "fetched digest=", digest): evaluates nothing when the level is off.
#define DIGESTFS_LOG(level, ...)                                                           \
  do {                                                                                     \
    if (::digestfs::log_enabled(::digestfs::LogLevel::level)) {                            \
      ::digestfs::log_line(::digestfs::LogLevel::level, ::digestfs::str_cat(__VA_ARGS__)); \
    }                                                                                      \
  } while (false)
