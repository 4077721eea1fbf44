// SPDX-License-Identifier: Apache-2.0
// tar-split is read or refused, and how it is cut into pieces on its way does not matter (LOC-5).

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "registry/local/containers/tar_split.h"
#include "tests/fuzz/require.h"

namespace {

using namespace digestfs;

class Watch final : public registry::TarSplitSink {
 public:
  void take_bytes(std::string_view bytes) override { seen += str_cat("b", bytes, '\n'); }
  void take_file(const registry::TarSplitFile& file) override {
    require(file.size > 0);
    seen += str_cat("f", file.name, ' ', file.size, ' ', file.crc64, '\n');
  }
  std::string seen;
};

std::string read(std::string_view text, std::size_t step) {
  Watch watch;
  registry::TarSplitReader reader(watch);
  try {
    while (!text.empty()) {
      const auto piece = text.substr(0, step);
      reader.write(as_bytes(piece));
      text.remove_prefix(piece.size());
    }
    reader.finish();
    watch.seen += "end";
  } catch (const Error& error) {
    require(error.code() == Errc::corrupt);
    watch.seen += error.what();
  }
  return watch.seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  require(read(text, SIZE_MAX) == read(text, 7));
  return 0;
}
