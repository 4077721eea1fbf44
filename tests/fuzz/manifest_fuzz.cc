// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "registry/image/manifest.h"
#include "registry/image/media_type.h"
#include "tests/fuzz/require.h"

// Indexes, manifests and schema 1, from a registry's hands. They are read or refused as corrupt;
// what comes out is consistent.

namespace {

using digestfs::Errc;
using digestfs::Error;
namespace registry = digestfs::registry;

void check(std::string_view bytes, std::string_view hint) try {
  const registry::Manifest manifest = registry::parse_manifest(bytes, hint);
  switch (manifest.kind) {
    case registry::ManifestKind::index:
      require(manifest.layers.empty() && !manifest.config && manifest.created_by.empty());
      break;
    case registry::ManifestKind::image:
      require(manifest.config && manifest.manifests.empty() && manifest.created_by.empty());
      break;
    case registry::ManifestKind::artifact:
      require(manifest.manifests.empty() && manifest.created_by.empty());
      break;
    case registry::ManifestKind::schema1:
      require(manifest.manifests.empty() && !manifest.config);
      require(manifest.created_by.size() == manifest.layers.size());
      break;
  }
} catch (const Error& error) {
  require(error.code() == Errc::corrupt);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check(bytes, {});
  check(bytes, registry::media_type::kOciIndex);
  check(bytes, registry::media_type::kDockerManifest);
  check(bytes, registry::media_type::kDockerSchema1Signed);
  try {
    const std::string payload = registry::signed_payload(bytes);
    // Other bytes are a part of these, and a tail that is shorter in base64 than as it is there.
    require(payload.size() <= 2 * bytes.size());
    check(payload, registry::media_type::kDockerSchema1Signed);
  } catch (const Error& error) {
    require(error.code() == Errc::corrupt);
  }
  return 0;
}
