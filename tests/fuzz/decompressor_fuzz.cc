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

#include "base/digest.h"
#include "base/error.h"
#include "cache/unpack/layer_pass.h"

namespace {

using namespace digestfs;

constexpr cache::LayerLimits kLimits{.bytes = 1U << 20U};

struct HashingSink final : ByteSink {
  void write(std::span<const std::byte> bytes) override {
    count += bytes.size();
    if (count > kLimits.bytes) std::abort();
    hasher.update(bytes);
  }
  std::uint64_t count = 0;
  Hasher hasher{"sha256"};
};

struct Outcome {
  cache::LayerContent content;
  Digest digest;  ///< of what the layer decompresses to
};

/// What the layer decompresses to; nothing where it does not.
std::optional<Outcome> pass(std::span<const std::byte> layer, std::size_t step) try {
  HashingSink tar;
  cache::LayerPass pass(tar, kLimits);
  while (!layer.empty()) {
    const auto piece = layer.first(std::min(step, layer.size()));
    pass.write(piece);
    layer = layer.subspan(piece.size());
  }
  auto content = pass.finish();
  if (content.size != tar.count) std::abort();
  return Outcome{content, tar.hasher.finish()};
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
  if (whole &&
      (whole->digest != pieces->digest || whole->content.remark != pieces->content.remark ||
       whole->content.compression != pieces->content.compression)) {
    std::abort();
  }
  return 0;
}
