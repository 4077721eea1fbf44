// SPDX-License-Identifier: Apache-2.0
#include "archive/zstd.h"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include <zstd.h>
#include <zstd_errors.h>

#include "archive/member_stream.h"
#include "base/error.h"
#include "base/handle.h"
#include "base/text.h"

namespace digestfs::archive {
namespace {

using StreamHandle = std::unique_ptr<ZSTD_DStream, Deleter<ZSTD_freeDStream>>;

// RFC 8878, 3.1.1.1.2 allows more; images made with --long=31 exist (DEC-b). libzstd allocates the
// window only as large as a frame asks for.
constexpr int kMaxWindowLog = 31;
// The longest frame header, magic number included (RFC 8878, 3.1.1.1).
constexpr std::size_t kMaxHeader = 18;

class ZstdDecompressor final : public MemberStream {
 public:
  explicit ZstdDecompressor(ByteSink& output)
      : MemberStream(output, ZSTD_DStreamOutSize(), Stage::between, "zstd", "frame"),
        stream_(ZSTD_createDStream()) {
    if (!stream_ || ZSTD_isError(ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax,
                                                        kMaxWindowLog)) != 0) {
      throw std::bad_alloc();
    }
  }

  void finish() override {
    while (stage() == Stage::between && head_size_ > 0) begin_frame();
    require_end();
  }

 private:
  std::span<const std::byte> decompress_some(std::span<const std::byte> compressed) override {
    ZSTD_inBuffer input{compressed.data(), compressed.size(), 0};
    for (;;) {
      ZSTD_outBuffer output{buffer().data(), buffer().size(), 0};
      const std::size_t result = ZSTD_decompressStream(stream_.get(), &output, &input);
      if (ZSTD_isError(result) != 0) {
        // libzstd allocates the window when its frame begins. A lack of memory is not the layer's
        // fault.
        if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) throw std::bad_alloc();
        throw Error(Errc::corrupt,
                    str_cat("the zstd stream is broken: ", ZSTD_getErrorName(result)));
      }
      hand_out(output.pos);
      if (result == 0) {
        enter(Stage::between);
        break;
      }
      // Input used up and output not full: everything has been flushed.
      if (input.pos == input.size && output.pos < output.size) break;
    }
    return compressed.subspan(input.pos);
  }

  /// Collects the bytes that a frame begins with. libzstd must get a frame's header in one piece:
  /// it may take the second of two pieces for the contents of the frame.
  std::span<const std::byte> look_for_member(std::span<const std::byte> compressed) override {
    const std::size_t part = std::min(kMaxHeader - head_size_, compressed.size());
    std::ranges::copy(compressed.first(part), head_.begin() + static_cast<long>(head_size_));
    head_size_ += part;
    if (head_size_ == kMaxHeader) begin_frame();
    return compressed.subspan(part);
  }

  /// Begins the frame that is in `head_`, if there is a frame. The frame may also end there.
  void begin_frame() {
    const auto head = std::span(head_).first(std::exchange(head_size_, 0));
    if (sniff(head) != Compression::zstd) {
      leave_aside(head);
      return;
    }
    enter(Stage::in_member);
    const auto left = decompress_some(head);
    std::ranges::copy(left, head_.begin());
    head_size_ = left.size();
  }

  StreamHandle stream_;
  std::array<std::byte, kMaxHeader> head_{};
  std::size_t head_size_ = 0;
};

}  // namespace

std::unique_ptr<Decompressor> make_zstd_decompressor(ByteSink& output) {
  return std::make_unique<ZstdDecompressor>(output);
}

std::string zstd_library() { return str_cat("libzstd ", ::ZSTD_versionString()); }

}  // namespace digestfs::archive
