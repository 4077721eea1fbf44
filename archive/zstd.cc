// SPDX-License-Identifier: Apache-2.0
#include "archive/zstd.h"

#include <algorithm>
#include <array>
#include <new>
#include <utility>
#include <vector>

#include <zstd.h>
#include <zstd_errors.h>

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

class ZstdDecompressor final : public Decompressor {
 public:
  explicit ZstdDecompressor(ByteSink& output)
      : output_(output), buffer_(ZSTD_DStreamOutSize()), stream_(ZSTD_createDStream()) {
    if (!stream_ || ZSTD_isError(ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax,
                                                        kMaxWindowLog)) != 0) {
      throw std::bad_alloc();
    }
  }

  void write(std::span<const std::byte> compressed) override {
    while (!compressed.empty()) {
      switch (stage_) {
        case Stage::in_frame:
          compressed = decompress_some(compressed);
          break;
        case Stage::between:
          compressed = look_for_frame(compressed);
          break;
        case Stage::trailing:
          note_trailing(compressed);
          return;
      }
    }
  }

  void finish() override {
    while (stage_ == Stage::between && head_size_ > 0) begin_frame();
    if (stage_ == Stage::in_frame) {
      throw Error(Errc::corrupt, "the zstd stream ends before its last frame does");
    }
  }

  [[nodiscard]] std::string remark() const override {
    if (!garbage_) return {};
    return str_cat(trailing_, " bytes after the last zstd frame are no zstd and were left aside");
  }

 private:
  enum class Stage { between, in_frame, trailing };

  std::span<const std::byte> decompress_some(std::span<const std::byte> compressed) {
    ZSTD_inBuffer input{compressed.data(), compressed.size(), 0};
    for (;;) {
      ZSTD_outBuffer output{buffer_.data(), buffer_.size(), 0};
      const std::size_t result = ZSTD_decompressStream(stream_.get(), &output, &input);
      if (ZSTD_isError(result) != 0) {
        // The window is allocated when its frame begins; that it cannot be is no fault of the
        // layer.
        if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) throw std::bad_alloc();
        throw Error(Errc::corrupt,
                    str_cat("the zstd stream is broken: ", ZSTD_getErrorName(result)));
      }
      if (output.pos > 0) output_.write(std::span(buffer_).first(output.pos));
      if (result == 0) {
        stage_ = Stage::between;
        break;
      }
      // Input used up and output not full: everything has been flushed.
      if (input.pos == input.size && output.pos < output.size) break;
    }
    return compressed.subspan(input.pos);
  }

  /// Between frames: collects what a frame begins with. libzstd has to get a header in one piece:
  /// where it gets it in two it may take what follows the first for the frame.
  std::span<const std::byte> look_for_frame(std::span<const std::byte> compressed) {
    const std::size_t part = std::min(kMaxHeader - head_size_, compressed.size());
    std::ranges::copy(compressed.first(part), head_.begin() + static_cast<long>(head_size_));
    head_size_ += part;
    if (head_size_ == kMaxHeader) begin_frame();
    return compressed.subspan(part);
  }

  /// Begins the frame that is in `head_`, if one is. It may end there, too.
  void begin_frame() {
    const auto head = std::span(head_).first(std::exchange(head_size_, 0));
    if (sniff(head) != Compression::zstd) {
      stage_ = Stage::trailing;
      note_trailing(head);
      return;
    }
    stage_ = Stage::in_frame;
    const auto left = decompress_some(head);
    std::ranges::copy(left, head_.begin());
    head_size_ = left.size();
  }

  void note_trailing(std::span<const std::byte> bytes) {
    trailing_ += bytes.size();
    garbage_ =
        garbage_ || std::ranges::any_of(bytes, [](std::byte b) { return b != std::byte{0}; });
  }

  ByteSink& output_;
  std::vector<std::byte> buffer_;
  StreamHandle stream_;
  Stage stage_ = Stage::between;
  std::array<std::byte, kMaxHeader> head_{};
  std::size_t head_size_ = 0;
  bool garbage_ = false;
  std::uint64_t trailing_ = 0;
};

}  // namespace

std::unique_ptr<Decompressor> make_zstd_decompressor(ByteSink& output) {
  return std::make_unique<ZstdDecompressor>(output);
}

}  // namespace digestfs::archive
