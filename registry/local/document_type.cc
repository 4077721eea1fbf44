// SPDX-License-Identifier: Apache-2.0
#include "registry/local/document_type.h"

#include "base/error.h"
#include "registry/image/manifest.h"
#include "registry/image/media_type.h"

namespace digestfs::registry {

std::string document_type(std::string_view bytes) try {
  const Manifest manifest = parse_manifest(bytes);
  if (!manifest.media_type.empty()) return manifest.media_type;
  switch (manifest.kind) {
    case ManifestKind::index:
      return std::string(media_type::kOciIndex);
    case ManifestKind::image:
    case ManifestKind::artifact:
      return std::string(media_type::kOciManifest);
    case ManifestKind::schema1:
      return std::string(media_type::kDockerSchema1);
  }
  return {};
} catch (const Error&) {
  return {};
}

}  // namespace digestfs::registry
