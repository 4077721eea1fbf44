// SPDX-License-Identifier: Apache-2.0
#include "archive/gzip.h"

#include <algorithm>
#include <limits>
#include <new>

#define ZLIB_CONST
#include <zlib.h>

#include "archive/member_stream.h"
#include "base/error.h"
#include "base/text.h"

namespace digestfs::archive {
namespace {

constexpr std::size_t kOutput = std::size_t{256} << 10U;
constexpr std::byte kMagic0{0x1f};
constexpr std::byte kMagic1{0x8b};

class GzipDecompressor final : public MemberStream {
 public:
  explicit GzipDecompressor(ByteSink& output)
      : MemberStream(output, kOutput, Stage::in_member, "gzip", "member") {
    // 16 asks for gzip and nothing else; zlib checks header fields, CRC32 and ISIZE.
    if (::inflateInit2(&stream_, 16 + MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  ~GzipDecompressor() override { ::inflateEnd(&stream_); }

  void finish() override {
    require_end();
    if (has_first_magic_) leave_aside(std::span(&kMagic0, 1));
  }

 private:
  std::span<const std::byte> decompress_some(std::span<const std::byte> compressed) override {
    const std::size_t most = std::numeric_limits<uInt>::max();
    const auto part = compressed.first(std::min(compressed.size(), most));
    stream_.next_in = reinterpret_cast<const Bytef*>(part.data());
    stream_.avail_in = static_cast<uInt>(part.size());
    for (;;) {
      stream_.next_out = reinterpret_cast<Bytef*>(buffer().data());
      stream_.avail_out = static_cast<uInt>(buffer().size());
      const int result = ::inflate(&stream_, Z_NO_FLUSH);
      hand_out(buffer().size() - stream_.avail_out);
      if (result == Z_STREAM_END) {
        enter(Stage::between);
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
    if (::inflateReset(&stream_) != Z_OK) throw std::bad_alloc();
    enter(Stage::in_member);
    // zlib has to see the byte that was held back, too.
    decompress_some(std::span(&kMagic0, 1));
    return compressed;
  }

  z_stream stream_{};
  bool has_first_magic_ = false;  ///< a first magic byte is held back between members
};

}  // namespace

std::unique_ptr<Decompressor> make_gzip_decompressor(ByteSink& output) {
  return std::make_unique<GzipDecompressor>(output);
}

}  // namespace digestfs::archive
