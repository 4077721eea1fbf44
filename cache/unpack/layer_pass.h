// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "archive/decompressor.h"
#include "base/sink.h"

namespace digestfs::cache {

/// Bounds on what a layer may become (DEC-d).
struct LayerLimits {
  std::uint64_t bytes = std::uint64_t{64} << 30U;
  /// The most that the output may be of the input, once the output is larger than `ratio_from`.
  std::uint64_t ratio = 2000;
  std::uint64_t ratio_from = std::uint64_t{1} << 30U;
};

/// What a layer turned out to be.
struct LayerContent {
  std::uint64_t size = 0;  ///< how many bytes it decompresses to, to the last one (DEC-e)
  archive::Compression compression = archive::Compression::none;
  std::string remark;  ///< see `Decompressor::remark`
};

/// Watches a layer's tar go by while the layer is decompressed, so that code which wants the
/// headers of the tar need not read it again. An observer does not throw: what it thinks of the tar
/// must not end the decompression.
class TarObserver {
 public:
  TarObserver() = default;
  TarObserver(const TarObserver&) = delete;
  TarObserver& operator=(const TarObserver&) = delete;
  virtual ~TarObserver() = default;

  virtual void see(std::span<const std::byte> bytes) noexcept = 0;
  /// Called when the tar has ended and its digest matched.
  virtual void end() noexcept = 0;
};

/// One pass over a layer: takes its compressed bytes, and writes its tar to `output`, with whatever
/// follows the end of the tar. It does not hash the tar.
class LayerPass final : public ByteSink {
 public:
  /// `output` must outlive the pass.
  explicit LayerPass(ByteSink& output, const LayerLimits& limits = {});
  ~LayerPass() override;

  /// Throws `Errc::too_large` if a limit is exceeded, and `Errc::corrupt` for a broken stream.
  void write(std::span<const std::byte> compressed) override;

  /// Ends the layer and returns what it turned out to be. Call once. A layer of no bytes is an
  /// empty layer (MT-2).
  [[nodiscard]] LayerContent finish();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace digestfs::cache
