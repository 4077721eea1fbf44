// SPDX-License-Identifier: Apache-2.0
#include "archive/pax.h"

#include <limits>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "base/text.h"

namespace digestfs::archive {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::string_view kSchilyXattr = "SCHILY.xattr.";
constexpr std::string_view kLibarchiveXattr = "LIBARCHIVE.xattr.";

struct Record {
  std::string_view key;
  std::string_view value;
};

/// Takes the first record, `LENGTH KEY=VALUE\n`, off `text`.
std::optional<Record> take_record(std::string_view& text) {
  const auto space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const auto length = parse_signed_decimal(text.substr(0, space));
  if (!length || *length < 5 || static_cast<std::uint64_t>(*length) > text.size()) {
    return std::nullopt;
  }
  const auto end = static_cast<std::size_t>(*length);
  if (end <= space + 1 || text[end - 1] != '\n') return std::nullopt;
  const std::string_view record = text.substr(space + 1, end - space - 2);
  text.remove_prefix(end);
  const auto equals = record.find('=');
  if (equals == std::string_view::npos || equals == 0) return std::nullopt;
  return Record{record.substr(0, equals), record.substr(equals + 1)};
}

/// Names end at a NUL wherever they go next, so they may hold none; other values may.
bool has_forbidden_nul(const Record& record) {
  const bool is_name = record.key == "path" || record.key == "linkpath" || record.key == "uname" ||
                       record.key == "gname";
  return (is_name ? record.value : record.key).find('\0') != std::string_view::npos;
}

std::optional<std::string> decode_percent(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto digit = [&](char c) {
    return kDigits.find(static_cast<char>(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c));
  };
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const auto high = digit(text[i + 1]);
    const auto low = digit(text[i + 2]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

}  // namespace

std::optional<PaxRecords> parse_pax(std::string_view text) {
  PaxRecords records;
  std::string sparse_map;
  std::size_t sparse_numbers = 0;
  while (!text.empty()) {
    const auto record = take_record(text);
    if (!record || has_forbidden_nul(*record)) return std::nullopt;
    const bool is_offset = record->key == "GNU.sparse.offset";
    if (is_offset || record->key == "GNU.sparse.numbytes") {
      if (is_offset != (sparse_numbers % 2 == 0) || record->value.find(',') != std::string::npos) {
        return std::nullopt;
      }
      if (sparse_numbers++ > 0) sparse_map += ',';
      sparse_map += record->value;
    } else {
      records.insert_or_assign(std::string(record->key), std::string(record->value));
    }
  }
  if (sparse_numbers > 0) records.insert_or_assign("GNU.sparse.map", std::move(sparse_map));
  return records;
}

std::string_view find_record(const PaxRecords& records, std::string_view key) {
  const auto at = records.find(key);
  return at == records.end() ? std::string_view{} : std::string_view(at->second);
}

std::optional<Timestamp> parse_pax_time(std::string_view text) {
  const auto point = text.find('.');
  const auto seconds = parse_signed_decimal(text.substr(0, point));
  if (!seconds) return std::nullopt;
  std::string fraction(point == std::string_view::npos ? "" : text.substr(point + 1));
  if (fraction.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  fraction.resize(9, '0');
  const std::int64_t nanoseconds = parse_signed_decimal(fraction).value_or(0);
  if (!text.starts_with('-') || nanoseconds == 0) {
    return Timestamp{*seconds, static_cast<std::uint32_t>(nanoseconds)};
  }
  if (*seconds == std::numeric_limits<std::int64_t>::min()) return std::nullopt;
  // -1.5 is half a second before -1, which is half a second after -2.
  return Timestamp{*seconds - 1, static_cast<std::uint32_t>(kSecond - nanoseconds)};
}

std::map<std::string, std::string> xattrs_of(const PaxRecords& records) {
  std::map<std::string, std::string> xattrs;
  for (const auto& [key, value] : records) {
    if (value.empty() || !key.starts_with(kLibarchiveXattr)) continue;
    const auto name = decode_percent(std::string_view(key).substr(kLibarchiveXattr.size()));
    auto bytes = decode_base64(value);
    if (name && bytes) xattrs.insert_or_assign(*name, std::move(*bytes));
  }
  for (const auto& [key, value] : records) {
    if (value.empty() || !key.starts_with(kSchilyXattr)) continue;
    xattrs.insert_or_assign(key.substr(kSchilyXattr.size()), value);
  }
  return xattrs;
}

}  // namespace digestfs::archive
