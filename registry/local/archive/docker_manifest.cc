// SPDX-License-Identifier: Apache-2.0
#include "registry/local/archive/docker_manifest.h"

#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "registry/image/json.h"
#include "registry/image/media_type.h"
#include "registry/local/left_out_list.h"

namespace digestfs::registry {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t kMaxImages = 10'000;
constexpr const char* kDockerLayer = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// Returns the texts of the list `key`, which may be null or missing.
std::vector<std::string> texts(const json& image, const char* key) {
  std::vector<std::string> texts;
  const json* list = member(image, key);
  if (list == nullptr) return texts;
  if (!list->is_array()) throw Error(Errc::corrupt, str_cat("its \"", key, "\" is no list"));
  for (const json& text : *list) {
    if (!text.is_string()) {
      throw Error(Errc::corrupt, str_cat("its \"", key, "\" has an element that is no text"));
    }
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

SavedImage parse_image(const json& image) {
  SavedImage saved{.config = text_member(image, "Config"), .names = {}, .layers = {}};
  if (saved.config.empty()) throw Error(Errc::corrupt, "it has no \"Config\"");
  saved.names = texts(image, "RepoTags");
  saved.layers = texts(image, "Layers");
  return saved;
}

ordered_json descriptor(std::string_view media_type, std::uint64_t size, const Digest& digest) {
  return {{"mediaType", media_type}, {"size", size}, {"digest", digest.str()}};
}

}  // namespace

DockerManifest parse_docker_manifest(std::string_view bytes) {
  const json document = parse_json(bytes, NameCase::matters);
  if (!document.is_array()) throw Error(Errc::corrupt, "it is no list of images");
  if (document.size() > kMaxImages) {
    throw Error(Errc::too_large, str_cat("it lists more than ", kMaxImages, " images"));
  }
  DockerManifest manifest;
  LeftOutList left_out("manifest.json");
  for (std::size_t i = 0; i < document.size(); ++i) {
    try {
      manifest.images.push_back(parse_image(document[i]));
    } catch (const Error& error) {
      left_out.add(str_cat("manifest.json entry ", i), error.what());
    }
  }
  manifest.left_out = left_out.records();
  return manifest;
}

std::string make_docker_manifest(const Descriptor& config, const std::vector<MadeLayer>& layers) {
  ordered_json list = ordered_json::array();
  for (const MadeLayer& layer : layers) {
    list.push_back(descriptor(kDockerLayer, layer.size, layer.diff_id));
  }
  const ordered_json manifest = {
      {"schemaVersion", 2},
      {"mediaType", media_type::kDockerManifest},
      {"config", descriptor(media_type::kDockerConfig, config.size.value_or(0), config.digest)},
      {"layers", std::move(list)},
  };
  return manifest.dump();
}

}  // namespace digestfs::registry
