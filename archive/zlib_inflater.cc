// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <new>

#define ZLIB_CONST
#include <zlib.h>

#include "archive/inflater.h"
#include "base/error.h"
#include "base/text.h"

namespace digestfs::archive {
namespace {

uInt zlib_size(std::size_t size) noexcept {
  return static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
}

class ZlibInflater final : public Inflater {
 public:
  ZlibInflater() {
    // 16 asks for gzip and nothing else; zlib checks header fields, CRC32 and ISIZE.
    if (::inflateInit2(&stream_, 16 + MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  ~ZlibInflater() override { ::inflateEnd(&stream_); }

  Step inflate(std::span<const std::byte> in, std::span<std::byte> out) override {
    const uInt given = zlib_size(in.size());
    const uInt room = zlib_size(out.size());
    stream_.next_in = reinterpret_cast<const Bytef*>(in.data());
    stream_.avail_in = given;
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = room;
    const int result = ::inflate(&stream_, Z_NO_FLUSH);
    if (result == Z_MEM_ERROR) throw std::bad_alloc();
    // Z_BUF_ERROR: there was nothing to take, and nothing to give.
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      throw Error(Errc::corrupt, str_cat("the gzip stream is broken: ",
                                         stream_.msg == nullptr ? "bad data" : stream_.msg));
    }
    return {given - stream_.avail_in, room - stream_.avail_out, result == Z_STREAM_END};
  }

  void reset() override {
    if (::inflateReset(&stream_) != Z_OK) throw std::bad_alloc();
  }

 private:
  z_stream stream_{};
};

}  // namespace

std::unique_ptr<Inflater> make_zlib_inflater() { return std::make_unique<ZlibInflater>(); }

std::string zlib_library() { return str_cat("zlib ", ::zlibVersion()); }

}  // namespace digestfs::archive
