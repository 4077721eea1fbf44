// SPDX-License-Identifier: Apache-2.0
#include "cache/unpack/layer_pass.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace digestfs::cache {

class LayerPass::Impl final : public ByteSink {
 public:
  Impl(ByteSink& output, const LayerLimits& limits) : output_(output), limits_(limits) {}

  void take(std::span<const std::byte> compressed) {
    taken_ += compressed.size();
    if (!decompressor_) {
      const std::size_t part = std::min(archive::kSniffBytes - first_size_, compressed.size());
      std::ranges::copy(compressed.first(part), first_.begin() + static_cast<long>(first_size_));
      first_size_ += part;
      compressed = compressed.subspan(part);
      if (first_size_ < archive::kSniffBytes) return;
      begin();
    }
    if (!compressed.empty()) decompressor_->write(compressed);
  }

  LayerContent end() {
    if (!decompressor_) begin();
    if (taken_ > 0) decompressor_->finish();
    return {size_, compression_, decompressor_->remark()};
  }

  /// Decompressed bytes come here.
  void write(std::span<const std::byte> bytes) override {
    count(bytes.size());
    output_.write(bytes);
  }
  void take(std::vector<std::byte>& buffer, std::size_t size) override {
    count(size);
    output_.take(buffer, size);
  }

 private:
  void count(std::size_t bytes) {
    size_ += bytes;
    if (size_ > limits_.bytes) {
      throw Error(Errc::too_large,
                  str_cat("the layer decompresses to more than ", limits_.bytes, " bytes"));
    }
    if (size_ > limits_.ratio_from && size_ / limits_.ratio > taken_) {
      throw Error(Errc::too_large, str_cat("the layer decompresses to more than ", limits_.ratio,
                                           " times its size"));
    }
  }

  void begin() {
    const auto first = std::span(first_).first(first_size_);
    compression_ = archive::sniff(first);
    decompressor_ = archive::make_decompressor(compression_, *this);
    if (!first.empty()) decompressor_->write(first);
  }

  ByteSink& output_;
  LayerLimits limits_;
  std::array<std::byte, archive::kSniffBytes> first_{};
  std::size_t first_size_ = 0;
  std::unique_ptr<archive::Decompressor> decompressor_;
  archive::Compression compression_ = archive::Compression::none;
  std::uint64_t taken_ = 0;
  std::uint64_t size_ = 0;
};

LayerPass::LayerPass(ByteSink& output, const LayerLimits& limits)
    : impl_(std::make_unique<Impl>(output, limits)) {}

LayerPass::~LayerPass() = default;

void LayerPass::write(std::span<const std::byte> compressed) { impl_->take(compressed); }

LayerContent LayerPass::finish() { return impl_->end(); }

}  // namespace digestfs::cache
