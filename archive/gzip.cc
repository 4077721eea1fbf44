// SPDX-License-Identifier: Apache-2.0
#include "archive/gzip.h"

#include <cstddef>
#include <span>
#include <utility>

#include "archive/inflater.h"
#include "archive/member_stream.h"

namespace digestfs::archive {
namespace {

constexpr std::size_t kOutput = std::size_t{256} << 10U;
constexpr std::byte kMagic0{0x1f};
constexpr std::byte kMagic1{0x8b};

class GzipDecompressor final : public MemberStream {
 public:
  GzipDecompressor(ByteSink& output, std::unique_ptr<Inflater> inflater)
      : MemberStream(output, kOutput, Stage::in_member, "gzip", "member"),
        inflater_(std::move(inflater)) {}

  void finish() override {
    require_end();
    if (has_first_magic_) leave_aside(std::span(&kMagic0, 1));
  }

 private:
  std::span<const std::byte> decompress_some(std::span<const std::byte> compressed) override {
    for (;;) {
      const Inflater::Step step = inflater_->inflate(compressed, buffer());
      compressed = compressed.subspan(step.taken);
      hand_out(step.made);
      if (step.ended) {
        enter(Stage::between);
        return compressed;
      }
      if (compressed.empty() && step.made < buffer().size()) return compressed;
    }
  }

  /// The two magic bytes of a member may come in two writes (DEC-a).
  std::span<const std::byte> look_for_member(std::span<const std::byte> compressed) override {
    if (!has_first_magic_) {
      if (compressed.front() != kMagic0) {
        enter(Stage::trailing);
        return compressed;
      }
      has_first_magic_ = true;
      return compressed.subspan(1);
    }
    has_first_magic_ = false;
    if (compressed.front() != kMagic1) {
      leave_aside(std::span(&kMagic0, 1));
      return compressed;
    }
    inflater_->reset();
    enter(Stage::in_member);
    // The inflater has to see the byte that was held back, too.
    decompress_some(std::span(&kMagic0, 1));
    return compressed;
  }

  std::unique_ptr<Inflater> inflater_;
  bool has_first_magic_ = false;  ///< a first magic byte is held back between members
};

}  // namespace

std::unique_ptr<Inflater> make_inflater() {
#ifdef DIGESTFS_ISAL
  return make_isal_inflater();
#else
  return make_zlib_inflater();
#endif
}

std::string inflating_library() {
#ifdef DIGESTFS_ISAL
  return isal_library();
#else
  return zlib_library();
#endif
}

std::unique_ptr<Decompressor> make_gzip_decompressor(ByteSink& output,
                                                     std::unique_ptr<Inflater> inflater) {
  return std::make_unique<GzipDecompressor>(output, std::move(inflater));
}

}  // namespace digestfs::archive
