// SPDX-License-Identifier: Apache-2.0
#include "archive/decompressor.h"

#include <algorithm>
#include <array>

#include "archive/gzip.h"
#include "archive/zstd.h"
#include "base/error.h"
#include "base/text.h"

namespace digestfs::archive {
namespace {

class PassThrough final : public Decompressor {
 public:
  explicit PassThrough(ByteSink& output) : output_(output) {}

  void write(std::span<const std::byte> bytes) override { output_.write(bytes); }
  void finish() override {}

 private:
  ByteSink& output_;
};

template <std::size_t count>
bool starts_with(std::span<const std::byte> bytes, const std::array<unsigned char, count>& magic) {
  return bytes.size() >= count &&
         std::ranges::equal(bytes.first(count), magic,
                            [](std::byte a, unsigned char b) { return a == std::byte{b}; });
}

}  // namespace

std::string_view to_string(Compression compression) noexcept {
  switch (compression) {
    case Compression::none:
      return "none";
    case Compression::gzip:
      return "gzip";
    case Compression::zstd:
      return "zstd";
    case Compression::bzip2:
      return "bzip2";
    case Compression::xz:
      return "xz";
  }
  return "unknown";
}

Compression sniff(std::span<const std::byte> first) noexcept {
  if (starts_with<3>(first, {0x1f, 0x8b, 0x08})) return Compression::gzip;
  if (starts_with<4>(first, {0x28, 0xb5, 0x2f, 0xfd})) return Compression::zstd;
  // A skippable frame: 0x184D2A50 to 0x184D2A5F, little-endian (RFC 8878, 3.1.2).
  if (first.size() >= 4 && (first[0] & std::byte{0xf0}) == std::byte{0x50} &&
      starts_with<3>(first.subspan(1), {0x2a, 0x4d, 0x18})) {
    return Compression::zstd;
  }
  if (starts_with<3>(first, {0x42, 0x5a, 0x68})) return Compression::bzip2;
  if (starts_with<6>(first, {0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00})) return Compression::xz;
  return Compression::none;
}

std::unique_ptr<Decompressor> make_decompressor(Compression compression, ByteSink& output) {
  switch (compression) {
    case Compression::none:
      return std::make_unique<PassThrough>(output);
    case Compression::gzip:
      return make_gzip_decompressor(output);
    case Compression::zstd:
      return make_zstd_decompressor(output);
    case Compression::bzip2:
    case Compression::xz:
      break;
  }
  throw Error(Errc::unsupported,
              str_cat("layers compressed with ", to_string(compression), " are not supported"));
}

}  // namespace digestfs::archive
