// SPDX-License-Identifier: Apache-2.0
#include "registry/local/containers/layer_tar.h"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "archive/decompressor.h"
#include "base/crc64.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "registry/local/containers/tar_split.h"

namespace digestfs::registry {
namespace {

constexpr std::size_t kChunk = std::size_t{256} << 10U;

/// Writes the parts of a tar in chunks: most parts are a header of 512 bytes.
class Assembly final : public TarSplitSink {
 public:
  Assembly(const LayerParts& parts, ByteSink& output, const Request& request)
      : parts_(parts), output_(output), request_(request) {
    buffer_.resize(kChunk);
  }

  void take_bytes(std::string_view bytes) override {
    auto rest = as_bytes(bytes);
    while (!rest.empty()) {
      const auto room = free_part().first(std::min(rest.size(), free_part().size()));
      std::copy_n(rest.begin(), room.size(), room.begin());
      fill(room.size());
      rest = rest.subspan(room.size());
    }
  }

  void take_file(const TarSplitFile& file) override {
    const UniqueFd content = parts_.files.open(file.name);
    Crc64 crc;
    std::uint64_t at = 0;
    while (at < file.size) {
      check_stop();
      const auto most = std::min<std::uint64_t>(file.size - at, free_part().size());
      const auto room = free_part().first(static_cast<std::size_t>(most));
      const std::size_t got = read_at(content.get(), room, at);
      if (got == 0) break;
      crc.update(room.first(got));
      fill(got);
      at += got;
    }
    if (at == file.size && crc.value() == file.crc64) return;
    throw Error(Errc::corrupt,
                str_cat("its file ", escaped(shortened(file.name, 200)),
                        " is not what it was when the layer was stored (",
                        at < file.size ? "it is shorter" : "its checksum is another", ")"));
  }

  void finish() {
    flush();
    if (parts_.size && written_ != *parts_.size) {
      throw Error(Errc::corrupt, str_cat("its tar has ", written_, " bytes instead of the ",
                                         *parts_.size, " that the store gives"));
    }
  }

  void check_stop() const {
    if (request_.stop.stop_requested()) throw Error(Errc::interrupted, "stopped while reading");
  }

 private:
  [[nodiscard]] std::span<std::byte> free_part() { return std::span(buffer_).subspan(used_); }

  /// Counts bytes of `free_part` as written.
  void fill(std::size_t bytes) {
    used_ += bytes;
    if (used_ == buffer_.size()) flush();
  }

  void flush() {
    check_stop();
    if (parts_.size && used_ > *parts_.size - written_) {
      throw Error(Errc::corrupt, str_cat("its tar is larger than the ", *parts_.size,
                                         " bytes that the store gives"));
    }
    if (used_ > 0) output_.write(std::span(buffer_).first(used_));
    written_ += used_;
    used_ = 0;
  }

  const LayerParts& parts_;
  ByteSink& output_;
  const Request& request_;
  std::vector<std::byte> buffer_;
  std::size_t used_ = 0;
  std::uint64_t written_ = 0;
};

}  // namespace

void write_layer_tar(const LayerParts& parts, ByteSink& output, const Request& request) {
  Assembly assembly(parts, output, request);
  TarSplitReader reader(assembly);
  const auto decompressor = archive::make_decompressor(archive::Compression::gzip, reader);
  std::vector<std::byte> chunk(kChunk);
  for (std::uint64_t at = 0;;) {
    assembly.check_stop();
    const std::size_t got = read_at(parts.tar_split.get(), chunk, at);
    if (got == 0) break;
    decompressor->write(std::span(chunk).first(got));
    at += got;
  }
  decompressor->finish();
  reader.finish();
  assembly.finish();
}

}  // namespace digestfs::registry
