// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/graph/graph.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "tools/companions/mount/files.h"

namespace digestfs::companions {
namespace {

namespace fs = std::filesystem;

constexpr int kDeepest = 4;  // indexes and referrers inside each other

}  // namespace

void Graph::add(const std::string& path) {
  const ImageDirectory directory = find_image(path);
  roots_.push_back({path, directory.repository, document(directory, 0)});
}

bool Graph::has_errors() const {
  return std::ranges::any_of(nodes_, [](const GraphNode& node) { return !node.error.empty(); });
}

std::pair<std::size_t, bool> Graph::object(const std::string& kind, const Digest& digest,
                                           std::optional<std::uint64_t> size,
                                           const fs::path& file) {
  // A layer that is not compressed has the digest of its diff, and is still two things.
  const auto [place, is_new] =
      by_name_.try_emplace(str_cat(kind == "diff" ? "diff " : "", digest), nodes_.size());
  if (is_new) nodes_.push_back({.kind = kind, .digest = digest, .size = size, .file = file});
  return {place->second, is_new};
}

/// Returns the node of an index or a manifest, with all that it is made of.
std::size_t Graph::document(const ImageDirectory& directory, int depth) {
  progress_.show(str_cat("reading ", directory.digest, ", ", nodes_.size(), " objects so far"));
  const std::string kind = directory.is_index ? "index" : "manifest";
  const auto [node, is_new] =
      object(kind, directory.digest, size_of(directory.path / "manifest.json"),
             directory.repository / (directory.is_index ? "indexes" : "manifests") /
                 directory.digest.str());
  if (!is_new) return node;
  try {
    if (directory.is_index) {
      fill_index(directory, node, depth);
    } else {
      fill_image(directory, node);
    }
    if (depth < kDeepest) add_referrers(directory, node, depth);
  } catch (const Error& error) {
    nodes_[node].error = error.what();
  }
  return node;
}

/// Returns the node of the image at `path`, of which only the digest may be known.
std::size_t Graph::entry(const fs::path& path, const Digest& digest, int depth) {
  try {
    if (depth > kDeepest) throw Error(Errc::too_large, "what is in it is nested too deep");
    return document(find_image(path), depth);
  } catch (const Error& error) {
    const std::size_t node = object("manifest", digest, std::nullopt, path).first;
    nodes_[node].error = error.what();
    return node;
  }
}

void Graph::fill_index(const ImageDirectory& directory, std::size_t node, int depth) {
  const fs::path folder = directory.path / "platforms";
  for (const std::string& name : platform_names(directory)) {
    const auto digest = linked_digest(folder, name);
    if (!digest) continue;
    const fs::path target(link_target(folder / name).value_or(""));
    const std::size_t to = target.parent_path().filename() == "blobs"
                               ? object("blob", *digest, size_of(folder / name),
                                        directory.repository / "blobs" / digest->str())
                                     .first
                               : entry(folder / name, *digest, depth + 1);
    nodes_[node].edges.push_back({to, name});
  }
}

void Graph::fill_image(const ImageDirectory& directory, std::size_t node) {
  const Image image = read_image(directory);
  const fs::path& repository = directory.repository;
  const bool is_image = image.config.has_value();
  if (!is_image) nodes_[node].kind = "artifact";
  if (const auto id = image.id()) {
    const auto to = object("config", *id, image.manifest.config->size,
                           repository / (is_image ? "configs" : "blobs") / id->str());
    nodes_[node].edges.push_back({to.first, "config"});
  }
  for (const Layer& layer : image.layers) {
    if (!layer.blob) continue;
    const auto [blob, is_new] = object(is_image ? "layer" : "blob", *layer.blob, layer.size,
                                       repository / "blobs" / layer.blob->str());
    nodes_[node].edges.push_back({blob, str_cat(is_image ? "layer " : "blob ", layer.name)});
    if (!is_new || !layer.diff) continue;
    const auto diff =
        object("diff", *layer.diff, layer.diff_size, repository / "diffs" / layer.diff->str());
    nodes_[blob].edges.push_back({diff.first, "diff"});
  }
}

void Graph::add_referrers(const ImageDirectory& directory, std::size_t node, int depth) {
  const fs::path folder = directory.path / "referrers";
  const auto names = names_in(folder);
  if (!names) return;
  for (const std::string& name : *names) {
    const auto digest = Digest::parse(name);
    if (!digest) continue;
    const std::size_t to = entry(folder / name, *digest, depth + 1);
    nodes_[node].edges.push_back({to, "referrer"});
  }
}

}  // namespace digestfs::companions
