// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/timestamp.h"

namespace digestfs {

/// Returns the time that `text` gives (RFC 3339, `2026-01-02T03:04:05.678+01:00`), or nothing if it
/// gives none, or one before 1970.
[[nodiscard]] std::optional<Timestamp> parse_rfc3339(std::string_view text);

/// Returns `time` in UTC, to the millisecond: `2026-01-02T02:04:05.678Z`.
[[nodiscard]] std::string rfc3339_text(std::chrono::system_clock::time_point time);

}  // namespace digestfs
