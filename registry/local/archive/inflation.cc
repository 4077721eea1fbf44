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

/// Passes on as many bytes as the budget has, and throws when more come.
class Bounded final : public ByteSink {
 public:
  Bounded(ByteSink& output, InflationBudget& budget, const std::stop_token& stop)
      : output_(output), budget_(budget), stop_(stop) {}

  void write(std::span<const std::byte> bytes) override {
    // Here and not where the input is read: a few bytes of it can become gigabytes.
    if (stop_.stop_requested()) throw Error(Errc::interrupted, "stopped while decompressing");
    budget_.spend(bytes.size());
    output_.write(bytes);
  }

 private:
  ByteSink& output_;
  InflationBudget& budget_;
  const std::stop_token& stop_;
};

}  // namespace

InflationBudget InflationBudget::for_compressed(std::uint64_t bytes) {
  return InflationBudget(
      std::max(kAlwaysAllowed, std::min(bytes, UINT64_MAX / kMaxRatio) * kMaxRatio));
}

void InflationBudget::spend(std::uint64_t bytes) {
  if (bytes > left_) {
    throw Error(Errc::too_large, str_cat("what is compressed in it makes more than ", limit_,
                                         " bytes, which is more than it can be"));
  }
  left_ -= bytes;
}

Compression compression_of(const FilePart& part) {
  std::array<std::byte, archive::kSniffBytes> first{};
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(first.size(), part.size));
  const std::size_t got = read_at(part.fd, std::span(first).first(wanted), part.offset);
  return archive::sniff(std::span(first).first(got));
}

void inflate(const FilePart& part, Compression compression, ByteSink& output,
             InflationBudget& budget, const std::stop_token& stop) {
  if (compression == Compression::bzip2 || compression == Compression::xz) {
    throw Error(Errc::unsupported,
                str_cat("it is compressed with ", archive::to_string(compression),
                        "; gzip and zstd can be read"));
  }

  Bounded bounded(output, budget, stop);
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
