// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace digestfs::registry {

/// A `Content-Range` field (RFC 9110, 14.4): which bytes of the object the answer holds.
struct ContentRange {
  struct Span {
    std::uint64_t first;
    std::uint64_t last;  ///< Inclusive; at least `first`.
  };
  std::optional<Span> span;            ///< Absent in `bytes */N`, which comes with 416.
  std::optional<std::uint64_t> total;  ///< Absent in `bytes a-b/*`.
};

/// Returns nothing if the field is malformed, has another unit, or contradicts itself.
[[nodiscard]] std::optional<ContentRange> parse_content_range(std::string_view value);

}  // namespace digestfs::registry
