// SPDX-License-Identifier: Apache-2.0
#include "registry/image/descriptor_json.h"

#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "registry/image/json.h"

namespace digestfs::registry {

Annotations parse_annotations(const nlohmann::json* json) {
  Annotations annotations;
  if (json == nullptr || !json->is_object()) return annotations;
  for (const auto& [key, value] : json->items()) {
    if (value.is_string()) annotations.emplace(key, value.get<std::string>());
  }
  return annotations;
}

Platform parse_platform_json(const nlohmann::json& json) {
  Platform platform{text_member(json, "os"),
                    text_member(json, "architecture"),
                    text_member(json, "variant"),
                    text_member(json, "os.version"),
                    {}};
  if (const auto* features = member(json, "os.features"); features != nullptr) {
    if (features->is_array()) {
      for (const auto& feature : *features) {
        if (feature.is_string()) platform.os_features.push_back(feature.get<std::string>());
      }
    }
  }
  return platform;
}

namespace {

// Windows base layers have one or two.
constexpr std::size_t kMaxUrls = 16;
constexpr std::size_t kMaxUrl = 4096;

std::vector<std::string> parse_urls(const nlohmann::json* json) {
  std::vector<std::string> urls;
  if (json == nullptr || !json->is_array()) return urls;
  for (const auto& entry : *json) {
    if (urls.size() == kMaxUrls) break;
    if (!entry.is_string()) continue;
    const auto& url = entry.get_ref<const std::string&>();
    const std::string scheme = folded(url.substr(0, url.find(':')));
    const bool is_http = scheme == "http" || scheme == "https";
    if (is_http && url.size() <= kMaxUrl) urls.push_back(url);
  }
  return urls;
}

}  // namespace

Descriptor parse_descriptor(const nlohmann::json& json) {
  if (!json.is_object()) throw Error(Errc::corrupt, "it is no object");
  const std::string text = text_member(json, "digest");
  auto digest = Digest::parse(text);
  if (!digest) {
    throw Error(Errc::corrupt, text.empty() ? std::string("it has no digest")
                                            : str_cat("\"", text, "\" is no digest"));
  }
  Descriptor descriptor{.digest = *std::move(digest)};
  descriptor.media_type = text_member(json, "mediaType");
  descriptor.artifact_type = text_member(json, "artifactType");
  descriptor.size = number_member(json, "size");
  if (!descriptor.size && member(json, "size") != nullptr) {
    throw Error(Errc::corrupt, "its size is no whole number");
  }
  descriptor.annotations = parse_annotations(member(json, "annotations"));
  if (const auto* platform = member(json, "platform"); platform != nullptr) {
    descriptor.platform = parse_platform_json(*platform);
  }
  descriptor.urls = parse_urls(member(json, "urls"));
  return descriptor;
}

}  // namespace digestfs::registry
