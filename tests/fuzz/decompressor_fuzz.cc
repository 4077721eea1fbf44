// SPDX-License-Identifier: Apache-2.0
// A layer of foreign bytes is decompressed or refused, and how it is cut into pieces on its way
// does not matter. Windows of zstd may be 2 GiB: fuzz with -malloc_limit_mb=4096.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <optional>
#include <span>

#include "base/error.h"
#include "cache/layer_pass.h"

namespace {

using namespace digestfs;

constexpr cache::LayerLimits kLimits{.bytes = 1U << 20U};

struct Counter final : ByteSink {
  void write(std::span<const std::byte> bytes) override {
    count += bytes.size();
    if (count > kLimits.bytes) std::abort();
  }
  std::uint64_t count = 0;
};

/// What the layer decompresses to; nothing where it does not.
std::optional<cache::LayerContent> pass(std::span<const std::byte> layer, std::size_t step) try {
  Counter counter;
  cache::LayerPass pass("sha256", counter, kLimits);
  while (!layer.empty()) {
    const auto piece = layer.first(std::min(step, layer.size()));
    pass.write(piece);
    layer = layer.subspan(piece.size());
  }
  auto content = pass.finish();
  if (content.size != counter.count) std::abort();
  return content;
} catch (const Error&) {
  return std::nullopt;
} catch (const std::bad_alloc&) {
  return std::nullopt;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto layer = std::as_bytes(std::span(data, size));
  const auto whole = pass(layer, size + 1);
  const auto pieces = pass(layer, 1 + size % 13);
  if (whole.has_value() != pieces.has_value()) std::abort();
  if (whole && (whole->digest != pieces->digest || whole->remark != pieces->remark ||
                whole->compression != pieces->compression)) {
    std::abort();
  }
  return 0;
}
