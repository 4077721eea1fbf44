// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/mount/image.h"

#include "base/error.h"
#include "base/text.h"
#include "tools/companions/mount/files.h"

namespace digestfs::companions {
namespace {

/// Returns the sum of `part` over `layers`, or nothing if a part of it is not known.
template <class Part>
std::optional<std::uint64_t> sum(const std::vector<Layer>& layers, const Part& part) {
  std::uint64_t total = 0;
  for (const Layer& layer : layers) {
    const std::optional<std::uint64_t> size = part(layer);
    if (!size || *size > UINT64_MAX - total) return std::nullopt;
    total += *size;
  }
  return total;
}

Layer read_layer(const std::filesystem::path& folder, const std::string& name) {
  Layer layer{.name = name};
  layer.blob = linked_digest(folder, "blob");
  layer.diff = linked_digest(folder, "diff");
  if (layer.diff && attribute(folder / "diff", "user.digestfs.size") == "exact") {
    layer.diff_size = size_of(folder / "diff");
  }
  return layer;
}

/// Adds what the manifest says of each layer, in order.
void add_descriptors(Image& image) {
  const auto& stated = image.manifest.layers;
  if (image.layers.size() != stated.size()) return;
  for (std::size_t i = 0; i < stated.size(); ++i) {
    if (!stated[i]) continue;
    image.layers[i].blob = stated[i]->digest;
    image.layers[i].size = stated[i]->size;
    image.layers[i].media_type = stated[i]->media_type;
  }
}

/// Calls `parse`, and puts the name of the file before what it throws.
template <class Parse>
auto parsed(const std::filesystem::path& path, const Parse& parse) {
  try {
    return parse();
  } catch (const Error& error) {
    throw Error(error.code(), str_cat("cannot use ", path.native(), ": ", error.what()));
  }
}

registry::Manifest read_manifest(const ImageDirectory& directory, std::string& text) {
  const auto path = directory.place / "manifest.json";
  text = read_text(path, registry::kMaxManifestBytes);
  return parsed(path, [&] { return registry::parse_manifest(text); });
}

}  // namespace

std::optional<Digest> Image::id() const {
  if (!manifest.config) return std::nullopt;
  return manifest.config->digest;
}

std::optional<std::uint64_t> Image::stored_size() const {
  return sum(layers, [](const Layer& layer) { return layer.size; });
}

std::optional<std::uint64_t> Image::unpacked_size() const {
  if (manifest.kind != registry::ManifestKind::image) return std::nullopt;
  return sum(layers, [](const Layer& layer) { return layer.diff_size; });
}

std::string Image::platform() const { return config ? platform_text(config->platform) : ""; }

std::string platform_text(const registry::Platform& platform) {
  const auto& [os, architecture, variant, os_version, os_features] = platform;
  if (os.empty() && architecture.empty()) return {};
  return str_cat(os, "/", architecture, variant.empty() ? "" : "/", variant);
}

Image read_image(const ImageDirectory& directory) {
  Image image{.directory = directory};
  image.manifest = read_manifest(directory, image.manifest_text);
  if (image.manifest.kind == registry::ManifestKind::image) {
    const auto path = directory.place / "config.json";
    image.config_text = read_text(path, registry::kMaxConfigBytes);
    image.config = parsed(path, [&] { return registry::parse_config(image.config_text); });
  }
  const auto folder = directory.place / "layers";
  const auto names = names_in(folder);
  if (names) {
    for (const std::string& name : *names) image.layers.push_back(read_layer(folder / name, name));
  }
  if (image.layers.empty()) {
    for (std::size_t i = 0; i < image.manifest.layers.size(); ++i) {
      image.layers.push_back({.name = std::to_string(i)});
    }
  }
  add_descriptors(image);
  return image;
}

Index read_index(const ImageDirectory& directory) {
  Index index{.directory = directory};
  index.manifest = read_manifest(directory, index.text);
  index.platforms = platform_names(directory);
  return index;
}

}  // namespace digestfs::companions
