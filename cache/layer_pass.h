// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "archive/decompressor.h"
#include "base/digest.h"
#include "base/sink.h"

namespace digestfs::cache {

/// Bounds on what a layer may become (DEC-d).
struct LayerLimits {
  std::uint64_t bytes = std::uint64_t{64} << 30U;
  /// Output over input, looked at once the output has passed `ratio_from`.
  std::uint64_t ratio = 2000;
  std::uint64_t ratio_from = std::uint64_t{1} << 30U;
};

/// What a layer turned out to be.
struct LayerContent {
  Digest digest;  ///< of every byte it decompresses to, to the last one (DEC-e): its diff_id
  std::uint64_t size = 0;  ///< of that
  archive::Compression compression = archive::Compression::none;
  std::string remark;  ///< see `Decompressor::remark`
};

/// Watches a layer's tar go by while it is decompressed, so that whoever wants its headers need not
/// read it again. What an observer thinks of the tar is its own affair: it does not throw.
class TarObserver {
 public:
  TarObserver() = default;
  TarObserver(const TarObserver&) = delete;
  TarObserver& operator=(const TarObserver&) = delete;
  virtual ~TarObserver() = default;

  virtual void see(std::span<const std::byte> bytes) noexcept = 0;
  /// That was all of it, and it was what its digest promises.
  virtual void end() noexcept = 0;
};

/// One pass over a layer: compressed bytes in; its tar to `output`, hashed on the way.
class LayerPass final : public ByteSink {
 public:
  /// `algorithm` is that of the diff_id (DEC-f). `output` must outlive the pass.
  LayerPass(std::string_view algorithm, ByteSink& output, const LayerLimits& limits = {});
  ~LayerPass() override;

  /// Throws `Errc::too_large` where a limit is passed, `Errc::corrupt` for a broken stream.
  void write(std::span<const std::byte> compressed) override;

  /// The layer ends here. Call once. A layer of no bytes is an empty one (MT-2).
  [[nodiscard]] LayerContent finish();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace digestfs::cache
