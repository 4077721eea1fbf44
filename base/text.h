// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

// Building of messages, and reading of numbers.

namespace digestfs {

/// The arguments written one after the other as an `ostream` writes them.
template <class... Parts>
[[nodiscard]] std::string str_cat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

/// `text` for a line or a terminal of ours: control characters, of UTF-8 as well, as `\xNN`.
[[nodiscard]] std::string escaped(std::string_view text);

/// `text` with blanks for its tabs and line breaks.
[[nodiscard]] std::string on_one_line(std::string text);

/// At most `bytes` of `text`, which may be somebody else's and endless, in whole characters of
/// UTF-8; `…` stands for the rest.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t bytes);

/// Reads the whole of `text` as digits of a decimal number. Returns nothing for any other text, and
/// for a number that 64 bits do not hold.
[[nodiscard]] std::optional<std::uint64_t> parse_decimal(std::string_view text) noexcept;

/// Reads the whole of `text` as a decimal number that may have a sign (`+` or `-`). Returns nothing
/// for any other text, and for a number that 64 bits do not hold.
[[nodiscard]] std::optional<std::int64_t> parse_signed_decimal(std::string_view text) noexcept;

}  // namespace digestfs
