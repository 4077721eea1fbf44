// SPDX-License-Identifier: Apache-2.0
#include "base/rfc3339.h"

#include <array>
#include <charconv>
#include <ctime>
#include <system_error>

namespace digestfs {
namespace {

/// Takes a number of exactly `digits` digits off the front of `text`; -1 if there is none.
int take_number(std::string_view& text, std::size_t digits) {
  int number = -1;
  const std::string_view part = text.substr(0, digits);
  const char* const end = part.data() + part.size();
  const auto [read, problem] = std::from_chars(part.data(), end, number);
  if (part.size() != digits || part.front() == '-' || problem != std::errc() || read != end) {
    return -1;
  }
  text.remove_prefix(digits);
  return number;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// Takes a fraction of a second, digits of any number, off the front of `text`.
std::uint32_t take_fraction(std::string_view& text) {
  std::uint32_t nanoseconds = 0;
  std::uint32_t unit = kNanosecondsPerSecond / 10;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    nanoseconds += unit * static_cast<std::uint32_t>(text.front() - '0');
    unit /= 10;
    text.remove_prefix(1);
  }
  return nanoseconds;
}

}  // namespace

std::optional<Timestamp> parse_rfc3339(std::string_view text) {
  struct Field {
    std::size_t digits;
    std::string_view behind;  ///< what may follow
    int least;
    int most;
  };
  constexpr std::array<Field, 6> kFields = {{{4, "-", 1970, 9999},
                                             {2, "-", 1, 12},
                                             {2, "Tt ", 1, 31},
                                             {2, ":", 0, 23},
                                             {2, ":", 0, 59},
                                             {2, "", 0, 60}}};
  std::array<int, 6> values{};
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    const Field& field = kFields.at(i);
    values.at(i) = take_number(text, field.digits);
    if (values.at(i) < field.least || values.at(i) > field.most) return std::nullopt;
    if (!field.behind.empty() && !take(text, field.behind)) return std::nullopt;
  }
  std::uint32_t nanoseconds = 0;
  if (take(text, ".")) nanoseconds = take_fraction(text);
  std::int64_t offset = 0;
  if (!take(text, "Zz")) {
    if (text.empty()) return std::nullopt;
    const int sign = text.front() == '-' ? -1 : 1;
    if (!take(text, "+-")) return std::nullopt;
    const int hours = take_number(text, 2);
    if (hours < 0 || hours > 23 || !take(text, ":")) return std::nullopt;
    const int minutes = take_number(text, 2);
    if (minutes < 0 || minutes > 59) return std::nullopt;
    offset = std::int64_t{sign} * (hours * 60 + minutes) * 60;
  }
  if (!text.empty()) return std::nullopt;
  std::tm parts{};
  parts.tm_year = values[0] - 1900;
  parts.tm_mon = values[1] - 1;
  parts.tm_mday = values[2];
  parts.tm_hour = values[3];
  parts.tm_min = values[4];
  parts.tm_sec = values[5];
  const std::int64_t seconds = std::int64_t{::timegm(&parts)} - offset;
  if (seconds < 0) return std::nullopt;
  return Timestamp{seconds, nanoseconds};
}

std::string rfc3339_text(std::chrono::system_clock::time_point time) {
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = milliseconds / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::string fraction = std::to_string(milliseconds % 1000 + 1000);
  fraction.front() = '.';
  return std::string(text.data(), length) + fraction + "Z";
}

}  // namespace digestfs
