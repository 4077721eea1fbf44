// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "archive/decompressor.h"
#include "base/digest.h"
#include "base/sink.h"

namespace digestfs::companions {

/// Finds out what the blob of a layer decompresses to, while the bytes of the blob pass by. Only
/// one thread may use it.
class Uncompressed {
 public:
  /// Hashes with `algorithm`. Gives up once there are more than `most` bytes: then the blob is not
  /// that of a diff with `most` bytes, and nobody has to know what follows.
  Uncompressed(std::string_view algorithm, std::uint64_t most);

  /// Takes the next bytes of the blob. The first call has at least `archive::kSniffBytes`, unless
  /// the blob is shorter.
  void write(std::span<const std::byte> piece);

  /// Tells that the blob ends here. Call once.
  void finish();

  /// Returns the digest of the decompressed bytes, or nothing if there is a problem.
  [[nodiscard]] const std::optional<Digest>& digest() const noexcept { return digest_; }
  /// Returns why the blob could not be decompressed, as a sentence, or an empty text.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

 private:
  class Output final : public ByteSink {
   public:
    Output(std::string_view algorithm, std::uint64_t most) : hasher_(algorithm), left_(most) {}
    void write(std::span<const std::byte> bytes) override;
    [[nodiscard]] Digest finish() { return hasher_.finish(); }

   private:
    Hasher hasher_;
    std::uint64_t left_;
  };

  /// Calls `work` unless something has failed, and keeps what it throws as the problem.
  template <class Work>
  void attempt(const Work& work);

  Output output_;
  std::unique_ptr<archive::Decompressor> decompressor_;
  std::optional<Digest> digest_;
  std::string problem_;
};

}  // namespace digestfs::companions
