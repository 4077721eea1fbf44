// SPDX-License-Identifier: Apache-2.0
#include "archive/gzip.h"

#include <algorithm>
#include <limits>
#include <new>
#include <vector>

#define ZLIB_CONST
#include <zlib.h>

#include "base/error.h"
#include "base/text.h"

namespace digestfs::archive {
namespace {

constexpr std::size_t kOutput = std::size_t{256} << 10U;
constexpr std::byte kMagic0{0x1f};
constexpr std::byte kMagic1{0x8b};

class GzipDecompressor final : public Decompressor {
 public:
  explicit GzipDecompressor(ByteSink& output) : output_(output), buffer_(kOutput) {
    // 16 asks for gzip and nothing else; header fields, CRC32 and ISIZE are zlib's to check.
    if (::inflateInit2(&stream_, 16 + MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  ~GzipDecompressor() override { ::inflateEnd(&stream_); }

  void write(std::span<const std::byte> compressed) override {
    while (!compressed.empty()) {
      switch (stage_) {
        case Stage::in_member:
          compressed = inflate_some(compressed);
          break;
        case Stage::between:
          compressed = look_for_member(compressed);
          break;
        case Stage::trailing:
          note_trailing(compressed);
          return;
      }
    }
  }

  void finish() override {
    if (stage_ == Stage::in_member) {
      throw Error(Errc::corrupt, "the gzip stream ends before its last member does");
    }
    if (stage_ == Stage::between && has_first_magic_) {
      stage_ = Stage::trailing;
      trailing_ = 1;
      garbage_ = true;
    }
  }

  [[nodiscard]] std::string remark() const override {
    if (!garbage_) return {};
    return str_cat(trailing_, " bytes after the last gzip member are no gzip and were left aside");
  }

 private:
  enum class Stage {
    in_member,
    between,   ///< a member has ended; another one may follow
    trailing,  ///< what follows is none
  };

  std::span<const std::byte> inflate_some(std::span<const std::byte> compressed) {
    const std::size_t most = std::numeric_limits<uInt>::max();
    const auto part = compressed.first(std::min(compressed.size(), most));
    stream_.next_in = reinterpret_cast<const Bytef*>(part.data());
    stream_.avail_in = static_cast<uInt>(part.size());
    for (;;) {
      stream_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
      stream_.avail_out = static_cast<uInt>(buffer_.size());
      const int result = ::inflate(&stream_, Z_NO_FLUSH);
      const std::size_t made = buffer_.size() - stream_.avail_out;
      if (made > 0) output_.write(std::span(buffer_).first(made));
      if (result == Z_STREAM_END) {
        stage_ = Stage::between;
        break;
      }
      if (result == Z_MEM_ERROR) throw std::bad_alloc();
      if (result == Z_BUF_ERROR) break;  // all input taken, nothing more to give
      if (result != Z_OK) {
        throw Error(Errc::corrupt, str_cat("the gzip stream is broken: ",
                                           stream_.msg == nullptr ? "bad data" : stream_.msg));
      }
      if (stream_.avail_in == 0 && stream_.avail_out != 0) break;
    }
    return compressed.subspan(part.size() - stream_.avail_in);
  }

  /// Between members: the next one begins, or padding or garbage does (DEC-a). The two magic bytes
  /// may come in two writes.
  std::span<const std::byte> look_for_member(std::span<const std::byte> compressed) {
    if (!has_first_magic_) {
      if (compressed.front() != kMagic0) {
        stage_ = Stage::trailing;
        return compressed;
      }
      has_first_magic_ = true;
      return compressed.subspan(1);
    }
    has_first_magic_ = false;
    if (compressed.front() != kMagic1) {
      stage_ = Stage::trailing;
      trailing_ = 1;
      garbage_ = true;
      return compressed;
    }
    if (::inflateReset(&stream_) != Z_OK) throw std::bad_alloc();
    stage_ = Stage::in_member;
    // zlib has to see the byte that was held back, too.
    inflate_some(std::span(&kMagic0, 1));
    return compressed;
  }

  void note_trailing(std::span<const std::byte> bytes) {
    trailing_ += bytes.size();
    garbage_ =
        garbage_ || std::ranges::any_of(bytes, [](std::byte b) { return b != std::byte{0}; });
  }

  ByteSink& output_;
  std::vector<std::byte> buffer_;
  z_stream stream_{};
  Stage stage_ = Stage::in_member;
  bool has_first_magic_ = false;
  bool garbage_ = false;
  std::uint64_t trailing_ = 0;
};

}  // namespace

std::unique_ptr<Decompressor> make_gzip_decompressor(ByteSink& output) {
  return std::make_unique<GzipDecompressor>(output);
}

}  // namespace digestfs::archive
