// SPDX-License-Identifier: Apache-2.0
#include "archive/tar_header.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace digestfs::archive {
namespace {

/// A field of a block: where it begins and how long it is.
struct Field {
  std::size_t offset;
  std::size_t size;
};

constexpr Field kName{0, 100};
constexpr Field kMode{100, 8};
constexpr Field kUid{108, 8};
constexpr Field kGid{116, 8};
constexpr Field kSize{124, 12};
constexpr Field kModified{136, 12};
constexpr Field kChecksum{148, 8};
constexpr Field kType{156, 1};
constexpr Field kLink{157, 100};
constexpr Field kMagic{257, 8};
constexpr Field kDeviceMajor{329, 8};
constexpr Field kDeviceMinor{337, 8};
constexpr Field kPrefix{345, 155};
constexpr Field kStarPrefix{345, 131};
constexpr Field kStarAccessed{476, 12};
constexpr Field kStarChanged{488, 12};
constexpr Field kStarTrailer{508, 4};
constexpr Field kGnuAccessed{345, 12};
constexpr Field kGnuChanged{357, 12};
constexpr Field kGnuRealSize{483, 12};

// A sparse map in a block: entries of two numbers, then a flag that it goes on.
constexpr std::size_t kSparseNumber = 12;
constexpr Field kHeaderMap{386, kSparseNumber * 2 * 4};
constexpr Field kExtensionMap{0, kSparseNumber * 2 * 21};

std::string_view field(const TarBlock& block, Field at) {
  return std::string_view(block.data(), block.size()).substr(at.offset, at.size);
}

/// Up to the first NUL.
std::string_view text(const TarBlock& block, Field at) {
  const std::string_view all = field(block, at);
  return all.substr(0, all.find('\0'));
}

std::optional<std::int64_t> parse_octal(std::string_view digits) {
  constexpr std::string_view kPadding(" \0", 2);
  const auto first = digits.find_first_not_of(kPadding);
  if (first == std::string_view::npos) return 0;
  digits = digits.substr(first, digits.find_last_not_of(kPadding) - first + 1);
  digits = digits.substr(0, digits.find('\0'));
  std::uint64_t value = 0;
  const auto [end, problem] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 8);
  if (problem != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

/// Two's complement, the top bit set to tell it from octal (TAR-3).
std::optional<std::int64_t> parse_base256(std::string_view bytes) {
  const bool negative = (static_cast<unsigned char>(bytes.front()) & 0x40U) != 0;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto byte = static_cast<unsigned char>(bytes[i]);
    if (negative) byte = static_cast<unsigned char>(~byte);
    if (i == 0) byte &= 0x7fU;
    if (value >> 56U != 0) return std::nullopt;
    value = value << 8U | byte;
  }
  if (value >> 63U != 0) return std::nullopt;
  return static_cast<std::int64_t>(negative ? ~value : value);
}

std::optional<std::int64_t> parse_number(std::string_view bytes) {
  const bool is_binary = (static_cast<unsigned char>(bytes.front()) & 0x80U) != 0;
  return is_binary ? parse_base256(bytes) : parse_octal(bytes);
}

/// Reads number after number, and remembers whether all of them were some.
class Numbers {
 public:
  explicit Numbers(const TarBlock& block) : block_(block) {}

  std::int64_t at(Field place) {
    const auto value = parse_number(field(block_, place));
    good_ = good_ && value.has_value();
    return value.value_or(0);
  }
  [[nodiscard]] bool good() const noexcept { return good_; }

 private:
  const TarBlock& block_;
  bool good_ = true;
};

/// Writers have summed the bytes as signed and as unsigned.
bool is_checksum_right(const TarBlock& block) {
  std::int64_t as_unsigned = 0;
  std::int64_t as_signed = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const bool is_blank = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.size;
    const char byte = is_blank ? ' ' : block[i];
    as_unsigned += static_cast<unsigned char>(byte);
    as_signed += static_cast<signed char>(byte);
  }
  const auto stored = parse_octal(field(block, kChecksum));
  return stored && (*stored == as_unsigned || *stored == as_signed);
}

TarFormat format_of(const TarBlock& block) {
  using namespace std::string_view_literals;
  const std::string_view magic = field(block, kMagic);
  if (magic.starts_with("ustar\0"sv)) {
    return field(block, kStarTrailer) == "tar\0"sv ? TarFormat::star : TarFormat::ustar;
  }
  return magic == "ustar  \0"sv ? TarFormat::gnu : TarFormat::v7;
}

bool is_ascii(std::string_view bytes) {
  return std::ranges::all_of(bytes, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// What GNU keeps in the place of the prefix are two times. An early writer of Go's put a prefix
/// there all the same (TAR-4).
std::string_view gnu_prefix(const TarBlock& block) {
  for (const Field time : {kGnuAccessed, kGnuChanged}) {
    const std::string_view bytes = field(block, time);
    if (bytes.front() != '\0' && !parse_number(bytes)) {
      const std::string_view prefix = text(block, kPrefix);
      return is_ascii(prefix) ? prefix : std::string_view{};
    }
  }
  return {};
}

std::optional<SparsePart> parse_sparse_part(const TarBlock& block, Field map) {
  SparsePart part;
  for (std::size_t at = map.offset; at < map.offset + map.size; at += 2 * kSparseNumber) {
    if (block[at] == '\0') break;
    const auto offset = parse_number(field(block, {at, kSparseNumber}));
    const auto length = parse_number(field(block, {at + kSparseNumber, kSparseNumber}));
    if (!offset || !length || *offset < 0 || *length < 0) return std::nullopt;
    part.runs.push_back({static_cast<std::uint64_t>(*offset), static_cast<std::uint64_t>(*length)});
  }
  part.goes_on = block[map.offset + map.size] != '\0';
  return part;
}

}  // namespace

bool is_zero(const TarBlock& block) noexcept {
  return std::ranges::all_of(block, [](char c) { return c == '\0'; });
}

std::optional<TarHeader> parse_header(const TarBlock& block) {
  if (!is_checksum_right(block)) return std::nullopt;
  Numbers numbers(block);
  TarHeader header;
  header.format = format_of(block);
  header.type = block[kType.offset];
  header.name = text(block, kName);
  header.link = text(block, kLink);
  header.size = numbers.at(kSize);
  header.mode = numbers.at(kMode);
  header.uid = numbers.at(kUid);
  header.gid = numbers.at(kGid);
  header.modified = numbers.at(kModified);
  std::string_view prefix;
  if (header.format != TarFormat::v7) {
    header.device_major = numbers.at(kDeviceMajor);
    header.device_minor = numbers.at(kDeviceMinor);
  }
  switch (header.format) {
    case TarFormat::v7:
      break;
    case TarFormat::ustar:
      prefix = text(block, kPrefix);
      break;
    case TarFormat::gnu:
      prefix = gnu_prefix(block);
      break;
    case TarFormat::star:
      prefix = text(block, kStarPrefix);
      // Not shown, but what is no time makes no header.
      numbers.at(kStarAccessed);
      numbers.at(kStarChanged);
      break;
  }
  if (!numbers.good()) return std::nullopt;
  if (!prefix.empty()) header.name = std::string(prefix) + "/" + header.name;
  return header;
}

std::optional<SparseHeader> parse_sparse_header(const TarBlock& block) {
  const auto size = parse_number(field(block, kGnuRealSize));
  auto map = parse_sparse_part(block, kHeaderMap);
  if (!size || !map) return std::nullopt;
  return SparseHeader{*size, std::move(*map)};
}

std::optional<SparsePart> parse_sparse_extension(const TarBlock& block) {
  return parse_sparse_part(block, kExtensionMap);
}

}  // namespace digestfs::archive
