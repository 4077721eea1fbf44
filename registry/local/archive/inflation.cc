// SPDX-License-Identifier: Apache-2.0
#include "registry/local/archive/inflation.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace digestfs::registry {
namespace {

using archive::Compression;

constexpr std::size_t kChunk = std::size_t{256} << 10U;
constexpr std::uint64_t kAlwaysAllowed = std::uint64_t{256} << 20U;
constexpr std::uint64_t kMaxRatio = 200;

/// Passes on as many bytes as are allowed, and throws when more come.
class Bounded final : public ByteSink {
 public:
  Bounded(ByteSink& output, std::uint64_t limit, const std::stop_token& stop)
      : output_(output), limit_(limit), left_(limit), stop_(stop) {}

  void write(std::span<const std::byte> bytes) override {
    // Here and not where the input is read: a few bytes of it can become gigabytes.
    if (stop_.stop_requested()) throw Error(Errc::interrupted, "stopped while decompressing");
    if (bytes.size() > left_) {
      throw Error(Errc::too_large, str_cat("it decompresses to more than ", limit_,
                                           " bytes, which is more than it can be"));
    }
    left_ -= bytes.size();
    output_.write(bytes);
  }

 private:
  ByteSink& output_;
  std::uint64_t limit_;
  std::uint64_t left_;
  const std::stop_token& stop_;
};

}  // namespace

Compression compression_of(const FilePart& part) {
  std::array<std::byte, archive::kSniffBytes> first{};
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(first.size(), part.size));
  const std::size_t got = read_at(part.fd, std::span(first).first(wanted), part.offset);
  return archive::sniff(std::span(first).first(got));
}

void inflate(const FilePart& part, Compression compression, ByteSink& output,
             const std::stop_token& stop) {
  if (compression == Compression::bzip2 || compression == Compression::xz) {
    throw Error(Errc::unsupported,
                str_cat("it is compressed with ", archive::to_string(compression),
                        "; gzip and zstd can be read"));
  }

  const std::uint64_t limit =
      std::max(kAlwaysAllowed, std::min(part.size, UINT64_MAX / kMaxRatio) * kMaxRatio);
  Bounded bounded(output, limit, stop);
  const auto decompressor = archive::make_decompressor(compression, bounded);
  std::vector<std::byte> buffer(kChunk);
  for (std::uint64_t at = 0; at < part.size;) {
    if (stop.stop_requested()) throw Error(Errc::interrupted, "stopped while decompressing");
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(kChunk, part.size - at));
    const std::size_t got = read_at(part.fd, std::span(buffer).first(want), part.offset + at);
    if (got == 0) break;
    decompressor->write(std::span(buffer).first(got));
    at += got;
  }
  decompressor->finish();
}

}  // namespace digestfs::registry
