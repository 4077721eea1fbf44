// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "registry/image/reference.h"
#include "registry/local/archive/docker_manifest.h"
#include "registry/local/archive/tar_index.h"
#include "registry/local/layout_index.h"
#include "tests/fuzz/require.h"

// The lists of saved archives: the manifest.json of docker save and the index.json of an OCI
// layout. They are read or refused; no name that comes out leads out of the archive.

namespace {

using digestfs::Errc;
using digestfs::Error;
namespace registry = digestfs::registry;

constexpr std::size_t kMaxLeftOut = 1000;

void check_name(const std::string& name) {
  const auto clean = registry::clean_member_name(name);
  if (!clean) return;
  require(!clean->empty() && clean->front() != '/' && clean->back() != '/');
  require(("/" + *clean + "/").find("/../") == std::string::npos);
  require(registry::clean_member_name(*clean) == clean);
}

void check_docker(std::string_view bytes) try {
  const registry::DockerManifest manifest = registry::parse_docker_manifest(bytes);
  require(manifest.left_out.size() <= kMaxLeftOut);
  for (const registry::SavedImage& image : manifest.images) {
    require(!image.config.empty());
    check_name(image.config);
    for (const std::string& layer : image.layers) check_name(layer);
  }
} catch (const Error& error) {
  require(error.code() == Errc::corrupt || error.code() == Errc::too_large);
}

void check_layout(std::string_view bytes) try {
  registry::LayoutIndex index = registry::parse_layout_index(bytes);
  const std::size_t entries = index.entries.size();
  const registry::LayoutNames names = registry::layout_names(std::move(index));
  require(names.left_out.size() <= kMaxLeftOut);
  require(names.tags.size() + names.untagged.size() <= entries);
  for (const auto& [tag, descriptor] : names.tags) {
    require(registry::is_tag(tag));
    require(names.find(tag)->digest == descriptor.digest);
  }
} catch (const Error& error) {
  require(error.code() == Errc::corrupt);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_docker(bytes);
  check_layout(bytes);
  check_name(std::string(bytes));
  return 0;
}
