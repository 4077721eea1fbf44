// SPDX-License-Identifier: Apache-2.0
#include "fs/image/image_view.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "fs/image/layer_directory.h"
#include "fs/image/oci_layout.h"
#include "fs/image/referrers_directory.h"
#include "fs/image/titles.h"
#include "fs/object/facts.h"
#include "fs/static_directory.h"
#include "fs/tree/tree_entrance.h"
#include "registry/image/media_type.h"

namespace digestfs::fs {
namespace {

using registry::DocumentClass;
using registry::Manifest;
using registry::ManifestKind;

/// `platforms/`: a link for every entry, and one more, unlisted, for every spelling that differs.
class PlatformsDirectory final : public Directory {
 public:
  PlatformsDirectory(InodeNumber inode, std::vector<Entry> entries, std::vector<Entry> aliases)
      : Directory(inode),
        listing_(make_listing(std::move(entries))),
        aliases_(make_listing(std::move(aliases))) {}

  [[nodiscard]] Attributes attributes() const override { return {.type = FileType::directory}; }
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& /*patience*/) const override {
    auto entry = find_entry(listing_, name);
    return entry ? entry : find_entry(aliases_, name);
  }
  [[nodiscard]] Listing list(const Patience& /*patience*/) const override { return listing_; }

 private:
  // Constant after construction.
  Listing listing_;
  Listing aliases_;
};

/// Returns true for the config of an artifact that has none (image-spec manifest.md, "Guidance for
/// an Empty Descriptor").
bool is_empty_config(const registry::Descriptor& config) {
  static const Digest empty = digest_of(std::string_view("{}"));
  return config.media_type == "application/vnd.oci.empty.v1+json" || config.digest == empty;
}

/// Where an entry of an index is found, from inside `platforms/`.
std::string entry_target(const registry::Descriptor& descriptor) {
  switch (registry::document_class(descriptor.media_type)) {
    case DocumentClass::index:
    case DocumentClass::manifest:
    case DocumentClass::schema1:
      return str_cat("../../../images/", descriptor.digest);
    case DocumentClass::config:
    case DocumentClass::other:
      break;
  }
  return str_cat("../../../blobs/", descriptor.digest);
}

}  // namespace

std::shared_ptr<const Document> ImageView::document(const Patience& patience) const {
  return context_.images.document(digest_, hint_, patience);
}

Entry ImageView::link(const std::string& name, const std::string& target) const {
  return {name, context_.nodes.symlink(str_cat(path_, "/", name), target)};
}

Entry ImageView::manifest_link(const Document& document) const {
  return link("manifest.json",
              str_cat(document.is_index ? "../../indexes/" : "../../manifests/", digest_));
}

bool ImageView::shows_platforms(const Manifest& manifest) const {
  if (manifest.kind == ManifestKind::index) return true;
  return tag_ && manifest.kind == ManifestKind::image;
}

std::vector<PlatformEntry> ImageView::platforms(const Manifest& manifest,
                                                const Patience& patience) const {
  if (manifest.kind == ManifestKind::index) return platform_entries(manifest);
  // A plain image is its own only platform, the one that its config tells.
  registry::Descriptor self{.digest = digest_,
                            .media_type = std::string(registry::media_type::kOciManifest)};
  const auto config = context_.images.config(digest_, manifest, patience);
  if (config) self.platform = config->config->platform;
  Manifest alone;
  alone.manifests.push_back(std::move(self));
  return platform_entries(alone);
}

const Directory* ImageView::platforms_directory(const std::vector<PlatformEntry>& entries) const {
  const std::string path = str_cat(path_, "/platforms");
  std::vector<Entry> links;
  std::vector<Entry> aliases;
  for (const PlatformEntry& entry : entries) {
    const std::string target = entry_target(entry.descriptor);
    links.push_back({entry.name, context_.nodes.symlink(str_cat(path, "/", entry.name), target)});
    if (!entry.spelled.empty() && entry.spelled != entry.name) {
      aliases.push_back(
          {entry.spelled, context_.nodes.symlink(str_cat(path, "/", entry.spelled), target)});
    }
  }
  return context_.nodes.intern<PlatformsDirectory>(str_cat(path, "@", digest_), std::move(links),
                                                   std::move(aliases));
}

std::optional<Entry> ImageView::host_link(const std::vector<PlatformEntry>& entries) const {
  const PlatformEntry* best = best_entry(entries, context_.selection.platform);
  if (best == nullptr) return std::nullopt;
  return link("host", str_cat("platforms/", best->name));
}

const Directory* ImageView::layers_directory(const Manifest& manifest,
                                             const Patience& patience) const {
  const std::vector<ImageLayer> layers = context_.images.layers(digest_, manifest, patience);
  const std::string path = str_cat(path_, "/layers");
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::string name = layer_name(i, layers.size());
    const std::string layer_path = str_cat(path, "/", name);
    entries.push_back({name, context_.nodes.intern<LayerDirectory>(
                                 str_cat(layer_path, "@", digest_), context_,
                                 str_cat(path_, "@", digest_, "/layers/", name), layers[i])});
  }
  return context_.nodes.intern<StaticDirectory>(str_cat(path, "@", digest_), std::move(entries));
}

/// Null where no blob of the artifact has a title.
const Directory* ImageView::files_directory(const Manifest& manifest) const {
  TitledBlobs titled = titled_blobs(manifest);
  for (const std::string& problem : titled.problems) {
    context_.problems.report(
        {.kind = cache::ProblemKind::bad_name, .object = digest_.str(), .detail = problem});
  }
  if (titled.blobs.empty()) return nullptr;
  // So that what is in one folder stands together.
  std::ranges::sort(titled.blobs, {}, &TitledBlob::path);
  return files_folder(str_cat(path_, "/files"), titled.blobs, 0, "../../../");
}

/// The folder `path` with `blobs`, of whose paths the first `begin` bytes lead there. `up` leads
/// from the folder to the mount's root.
const Directory* ImageView::files_folder(const std::string& path, std::span<const TitledBlob> blobs,
                                         std::size_t begin, const std::string& up) const {
  std::vector<Entry> entries;
  while (!blobs.empty()) {
    const std::string_view rest = std::string_view(blobs[0].path).substr(begin);
    const std::string name(rest.substr(0, rest.find('/')));
    const std::string below = str_cat(path, "/", name);
    const auto inside = [&](const TitledBlob& blob) {
      const std::string_view other = std::string_view(blob.path).substr(begin);
      return other.substr(0, other.find('/')) == name;
    };
    const auto end = std::ranges::find_if_not(blobs, inside);
    const auto count = static_cast<std::size_t>(end - blobs.begin());
    if (name.size() == rest.size()) {
      entries.push_back(
          {name, context_.nodes.symlink(below, str_cat(up, "blobs/", blobs[0].blob))});
    } else {
      entries.push_back(
          {name, files_folder(below, blobs.first(count), begin + name.size() + 1, "../" + up)});
    }
    blobs = blobs.subspan(count);
  }
  return context_.nodes.intern<StaticDirectory>(str_cat(path, "@", digest_), std::move(entries));
}

/// The time that the image's config gives. A config that cannot be had gives none: what is wrong
/// with it is for whoever enters the tree.
Timestamp ImageView::created(const Manifest& manifest, const Patience& patience) const {
  try {
    const auto document = context_.images.config(digest_, manifest, patience);
    return document ? document->config->created_at() : Timestamp{};
  } catch (const Error&) {
    return {};
  }
}

const Node* ImageView::rootfs(const Manifest& manifest, const Patience& patience) const {
  const std::string path = str_cat(path_, "/rootfs");
  const auto enter = [&context = context_, path, digest = digest_,
                      manifest](const Patience& waiting) -> const FileNodes& {
    const auto diffs = context.images.rootfs_diffs(digest, manifest, waiting);
    const FileNodes& view = context.trees.rootfs(path, diffs, waiting);
    for (const ImageLayer& layer : context.images.layers(digest, manifest, waiting)) {
      context.images.check_size(layer, waiting);
    }
    return view;
  };
  return context_.nodes.intern<TreeEntrance>(str_cat(path, "@", digest_), context_.nodes.all(),
                                             enter, created(manifest, patience));
}

std::optional<Entry> ImageView::lookup(std::string_view name, const Patience& patience) const {
  // No more is asked than the name needs: manifest.json must not cost the config.
  if (name == "image") {
    if (!tag_) return std::nullopt;
    return link("image", str_cat("../../images/", digest_));
  }
  const bool known = name == "manifest.json" || name == "platforms" || name == "host" ||
                     name == "config.json" || name == "layers" || name == "rootfs" ||
                     name == "oci" || name == "files" || name == "referrers";
  if (!known) return std::nullopt;
  const auto document = this->document(patience);
  if (name == "manifest.json") return manifest_link(*document);
  if (!document->manifest) {
    throw Error(Errc::corrupt,
                str_cat("cannot show ", name, " of ", digest_, ": ", document->unusable));
  }
  const Manifest& manifest = *document->manifest;
  if (name == "platforms" || name == "host") {
    if (!shows_platforms(manifest)) return std::nullopt;
    const auto entries = platforms(manifest, patience);
    if (name == "host") return host_link(entries);
    return Entry{"platforms", platforms_directory(entries)};
  }
  if (name == "referrers") {
    const std::string path = str_cat(path_, "/referrers");
    return Entry{"referrers", context_.nodes.intern<ReferrersDirectory>(str_cat(path, "@", digest_),
                                                                        context_, path, digest_)};
  }
  if (name == "oci")
    return Entry{"oci", image_layout(context_, path_, digest_, hint_, *document, tag_)};
  if (manifest.kind == ManifestKind::index) return std::nullopt;
  if (name == "config.json") {
    if (!manifest.config) return std::nullopt;
    if (manifest.kind == ManifestKind::image) {
      return link("config.json", str_cat("../../configs/", manifest.config->digest));
    }
    if (is_empty_config(*manifest.config)) return std::nullopt;
    return link("config.json", str_cat("../../blobs/", manifest.config->digest));
  }
  if (name == "files") {
    if (manifest.kind != ManifestKind::artifact) return std::nullopt;
    const Directory* files = files_directory(manifest);
    return files == nullptr ? std::nullopt : std::optional(Entry{"files", files});
  }
  if (name == "rootfs") {
    if (manifest.kind != ManifestKind::image) return std::nullopt;
    return Entry{"rootfs", rootfs(manifest, patience)};
  }
  return Entry{"layers", layers_directory(manifest, patience)};
}

std::vector<Entry> ImageView::list(const Patience& patience) const {
  std::vector<Entry> entries;
  const auto document = this->document(patience);
  for (const char* name : {"image", "manifest.json", "platforms", "host", "config.json", "layers",
                           "rootfs", "files", "oci", "referrers"}) {
    const std::string_view shown = name;
    if (!document->manifest && shown != "manifest.json" && shown != "image") continue;
    if (!context_.selection.list_trees && (shown == "rootfs" || shown == "oci")) continue;
    if (auto entry = lookup(name, patience)) entries.push_back(std::move(*entry));
  }
  return entries;
}

Xattrs ImageView::xattrs(const registry::Annotations& said) const {
  Xattrs facts;
  facts[kFactDigest] = digest_.str();
  if (const auto size = context_.content.size(digest_); size && size->exact) {
    facts[kFactSize] = std::to_string(size->bytes);
  }
  if (!hint_.empty()) facts[kFactMediaType] = hint_;
  if (std::string made = context_.content.made(digest_); !made.empty()) {
    facts[kFactMade] = std::move(made);
  }
  if (const auto document = context_.images.known_document(digest_);
      document && document->manifest) {
    const Manifest& manifest = *document->manifest;
    if (!manifest.media_type.empty()) facts[kFactMediaType] = manifest.media_type;
    if (!manifest.artifact_type.empty()) facts[kFactArtifactType] = manifest.artifact_type;
    add_annotations(facts, manifest.annotations);
  }
  add_annotations(facts, said);
  add_annotations(facts, context_.tags.annotations(digest_));
  return facts;
}

}  // namespace digestfs::fs
