// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <system_error>

namespace digestfs {
namespace {

/// Reads all of `text` as std::from_chars does.
template <class Number>
std::optional<Number> parse_whole(std::string_view text) noexcept {
  Number number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string result;
  const auto escape = [&result](char c) {
    std::array<char, 5> code{};
    std::snprintf(code.data(), code.size(), "\\x%02x", static_cast<unsigned char>(c));
    result += code.data();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    // U+0080 to U+009F: terminals take them for the two-byte sequences of old.
    const bool is_c1 = byte == 0xc2 && next >= 0x80 && next < 0xa0;
    if (is_c1) {
      escape(text[i]);
      escape(text[++i]);
    } else if (byte < 0x20 || byte == 0x7f) {
      escape(text[i]);
    } else {
      result += text[i];
    }
  }
  return result;
}

std::string on_one_line(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return text;
}

std::string shortened(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0U) == 0x80U) --bytes;
  return std::string(text.substr(0, bytes)) + "\xe2\x80\xa6";
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 7> kUnits = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  // 999.5 would be written as 1e+03.
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3g %s", value, kUnits.at(unit));
  return text.data();
}

std::string duration_text(std::chrono::seconds time) {
  constexpr std::int64_t kMinute = 60;
  constexpr std::int64_t kHour = 60 * kMinute;
  const std::int64_t seconds = time.count();
  std::array<char, 64> text{};
  if (seconds < kMinute) {
    std::snprintf(text.data(), text.size(), "%ds", static_cast<int>(seconds));
  } else if (seconds < kHour) {
    std::snprintf(text.data(), text.size(), "%dm%02ds", static_cast<int>(seconds / kMinute),
                  static_cast<int>(seconds % kMinute));
  } else {
    std::snprintf(text.data(), text.size(), "%lldh%02dm", static_cast<long long>(seconds / kHour),
                  static_cast<int>(seconds % kHour / kMinute));
  }
  return text.data();
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) noexcept {
  return parse_whole<std::uint64_t>(text);
}

std::optional<std::int64_t> parse_signed_decimal(std::string_view text) noexcept {
  // std::from_chars takes a minus, but no plus.
  if (!text.starts_with('+')) return parse_whole<std::int64_t>(text);
  text.remove_prefix(1);
  return text.starts_with('-') ? std::nullopt : parse_whole<std::int64_t>(text);
}

}  // namespace digestfs
