// SPDX-License-Identifier: Apache-2.0
// The records of a store are read or refused. Whatever they say, what becomes a path of them is one
// harmless component (LOC-4).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "registry/image/reference.h"
#include "registry/local/containers/image_record.h"
#include "registry/local/containers/layer_record.h"
#include "tests/fuzz/require.h"

namespace {

using namespace digestfs;

bool is_one_component(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

void check_images(std::string_view text) try {
  registry::LeftOutList left_out("images.json");
  for (const auto& image : registry::parse_image_records(text, left_out)) {
    require(is_one_component(image.id));
    require(image.top_layer.empty() || is_one_component(image.top_layer));
    for (const auto& document : image.documents) {
      require(is_one_component(document.file_name()));
      require(image.document(document.digest) != nullptr);
    }
    for (const auto& name : image.names) {
      require(!name.repository.empty() && name.repository.find("..") == std::string::npos);
      require(!name.tag || registry::is_tag(*name.tag));
    }
    require(image.manifest() == nullptr || image.manifest()->is_manifest());
  }
  require(std::move(left_out).take().size() <= 1000);
} catch (const Error& error) {
  require(error.code() == Errc::corrupt);
}

void check_layers(std::string_view text) try {
  registry::LayerRecords records;
  registry::add_layer_records(records, text);
  for (const auto& [id, layer] : records) require(id == layer.id && is_one_component(id));
} catch (const Error& error) {
  require(error.code() == Errc::corrupt);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_images(text);
  check_layers(text);
  return 0;
}
