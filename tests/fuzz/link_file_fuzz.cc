// SPDX-License-Identifier: Apache-2.0
// What a link file of a registry's storage holds becomes a path: a digest, or nothing (LOC-6).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "registry/local/link_file.h"
#include "tests/fuzz/require.h"

using namespace digestfs;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto digest = registry::parse_link_file(text)) {
    require(text == digest->str() || text == digest->str() + "\n");
    require(digest->encoded().find_first_of("/.") == std::string_view::npos);
    require(digest->algorithm().find('/') == std::string_view::npos);
  }
  return 0;
}
