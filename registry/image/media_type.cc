// SPDX-License-Identifier: Apache-2.0
#include "registry/image/media_type.h"

#include <algorithm>
#include <array>

namespace digestfs::registry {

std::string bare_media_type(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  const auto first = content_type.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  content_type = content_type.substr(first, content_type.find_last_not_of(" \t") - first + 1);
  std::string bare(content_type);
  std::ranges::transform(bare, bare.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return bare;
}

DocumentClass document_class(std::string_view type) {
  const std::string bare = bare_media_type(type);
  if (bare == media_type::kOciIndex || bare == media_type::kDockerList) return DocumentClass::index;
  if (bare == media_type::kOciManifest || bare == media_type::kDockerManifest ||
      bare == media_type::kOciArtifact) {
    return DocumentClass::manifest;
  }
  if (bare == media_type::kDockerSchema1 || bare == media_type::kDockerSchema1Signed) {
    return DocumentClass::schema1;
  }
  if (bare == media_type::kOciConfig || bare == media_type::kDockerConfig) {
    return DocumentClass::config;
  }
  return DocumentClass::other;
}

bool is_layer(std::string_view type) {
  const std::string bare = bare_media_type(type);
  return bare.starts_with("application/vnd.oci.image.layer.") ||
         bare.starts_with("application/vnd.docker.image.rootfs.");
}

bool is_statement(std::string_view type) {
  constexpr std::array<std::string_view, 9> kPrefixes = {"application/vnd.dev.cosign.",
                                                         "application/vnd.dev.sigstore.",
                                                         "application/vnd.dsse.",
                                                         "application/vnd.in-toto",
                                                         "application/vnd.cyclonedx",
                                                         "application/vnd.syft",
                                                         "application/spdx",
                                                         "text/spdx",
                                                         "application/vnd.cncf.notary."};
  const std::string bare = bare_media_type(type);
  return std::ranges::any_of(kPrefixes, [&](auto prefix) { return bare.starts_with(prefix); });
}

bool is_encrypted(std::string_view type) { return bare_media_type(type).ends_with("+encrypted"); }

}  // namespace digestfs::registry
