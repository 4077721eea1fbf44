// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "registry/image/config.h"
#include "tests/fuzz/require.h"

// Image configs, from a registry's hands.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace digestfs;
  try {
    const registry::ImageConfig config =
        registry::parse_config({reinterpret_cast<const char*>(data), size});
    require(config.created_by.empty() || config.created_by.size() == config.diff_ids.size());
    const std::string name = registry::directory_name(config.platform);
    require(name.size() <= 255 && name.find('/') == std::string::npos);
    static_cast<void>(registry::normalised(config.platform));
  } catch (const Error& error) {
    require(error.code() == Errc::corrupt);
  }
  return 0;
}
