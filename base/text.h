// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

// Characters, building of messages, and reading of numbers.

namespace digestfs {

/// Returns the arguments written one after the other, as an `ostream` writes them.
template <class... Parts>
[[nodiscard]] std::string str_cat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

/// Returns true for a letter of ASCII and for a digit.
[[nodiscard]] constexpr bool is_alnum(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Returns `text` with its control characters, those of UTF-8 included, written as `\xNN`, so that
/// it can be shown on a terminal or in a line of the log.
[[nodiscard]] std::string escaped(std::string_view text);

/// Returns `text` with a blank in place of each tab and line break.
[[nodiscard]] std::string on_one_line(std::string text);

/// Returns at most `bytes` of `text`, in whole characters of UTF-8. A `…` stands for the rest. For
/// text from the network, which may have any length.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t bytes);

/// Returns `bytes` with three digits and a unit that is a power of 1000, as podman writes sizes:
/// `34 B`, `2.17 MB`.
[[nodiscard]] std::string size_text(std::uint64_t bytes);

/// Returns the time as people write it: `9s`, `4m09s`, `2h04m`.
[[nodiscard]] std::string duration_text(std::chrono::seconds time);

/// Reads the whole of `text` as digits of a decimal number. Returns nothing for any other text, and
/// for a number that 64 bits do not hold.
[[nodiscard]] std::optional<std::uint64_t> parse_decimal(std::string_view text) noexcept;

/// Reads the whole of `text` as a decimal number that may have a sign (`+` or `-`). Returns nothing
/// for any other text, and for a number that 64 bits do not hold.
[[nodiscard]] std::optional<std::int64_t> parse_signed_decimal(std::string_view text) noexcept;

}  // namespace digestfs
