// SPDX-License-Identifier: Apache-2.0
#include "registry/local/containers/tar_split.h"

#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "registry/image/json.h"

namespace digestfs::registry {
namespace {

using nlohmann::json;

// A line holds a header, which is 1 MiB at most for Go, or zeros after the end.
constexpr std::size_t kMaxLine = std::size_t{8} << 20U;
constexpr std::uint64_t kFile = 1;
constexpr std::uint64_t kBytes = 2;
constexpr std::size_t kCrcSize = 8;

std::string bytes_member(const json& entry, std::string_view key) {
  auto bytes = decode_base64(text_member(entry, key));
  if (!bytes) throw Error(Errc::corrupt, str_cat("its ", key, " is no base64"));
  return *std::move(bytes);
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = (value << 8U) | static_cast<unsigned char>(byte);
  return value;
}

}  // namespace

void TarSplitReader::write(std::span<const std::byte> bytes) {
  std::string_view text = as_text(bytes);
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (line_.size() + text.substr(0, end).size() > kMaxLine) {
      throw Error(Errc::corrupt,
                  str_cat("line ", lines_ + 1, " is longer than ", kMaxLine, " bytes"));
    }
    line_ += text.substr(0, end);
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
    const std::string line = std::exchange(line_, {});
    take_line(line);
  }
}

void TarSplitReader::finish() {
  if (line_.empty()) return;
  throw Error(Errc::corrupt, str_cat("it ends within line ", lines_ + 1));
}

void TarSplitReader::take_line(std::string_view line) {
  ++lines_;
  std::optional<TarSplitFile> file;
  std::string bytes;
  try {
    const json entry = parse_json(line, NameCase::matters);
    const std::uint64_t type = number_member(entry, "type").value_or(0);
    if (type != kFile && type != kBytes) throw Error(Errc::corrupt, "it is of an unknown type");
    bytes = bytes_member(entry, "payload");
    if (type == kFile) {
      file.emplace();
      // The name stands in base64 if it is no UTF-8.
      file->name = bytes_member(entry, "name_raw");
      if (file->name.empty()) file->name = text_member(entry, "name");
      file->size = number_member(entry, "size").value_or(0);
      if (file->size > 0 && bytes.size() != kCrcSize) {
        throw Error(Errc::corrupt, "its checksum is none");
      }
      file->crc64 = big_endian(bytes);
    }
  } catch (const Error& error) {
    throw Error(Errc::corrupt, str_cat("line ", lines_, ": ", error.what()));
  }
  if (!file) {
    sink_.take_bytes(bytes);
  } else if (file->size > 0) {
    sink_.take_file(*file);
  }
}

}  // namespace digestfs::registry
