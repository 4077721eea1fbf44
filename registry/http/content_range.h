// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace digestfs::registry {

/// A `Content-Range` field (RFC 9110, 14.4): which bytes of how many come.
struct ContentRange {
  struct Span {
    std::uint64_t first;
    std::uint64_t last;  ///< inclusive, at least `first`
  };
  std::optional<Span> span;            ///< none in `bytes */N`, which goes with 416
  std::optional<std::uint64_t> total;  ///< none in `bytes a-b/*`
};

/// Nothing where the field is malformed, another unit, or contradicts itself.
[[nodiscard]] std::optional<ContentRange> parse_content_range(std::string_view value);

}  // namespace digestfs::registry
