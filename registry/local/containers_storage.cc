// SPDX-License-Identifier: Apache-2.0
#include "registry/local/containers_storage.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "registry/image/manifest.h"
#include "registry/local/containers/containers_store.h"
#include "registry/local/document_type.h"
#include "registry/local/file_part.h"
#include "registry/local/left_out_list.h"
#include "registry/source.h"

namespace digestfs::registry {
namespace {

using StoredImage = ContainersStore::StoredImage;
using StoredLayer = ContainersStore::StoredLayer;

/// The annotation that gives the ID of an image, which for a list is no digest of anything.
constexpr const char* kImageId = "containers-storage.image.id";

Descriptor describe(const StoredImage& stored, const BigData& manifest) {
  Descriptor descriptor{manifest.digest};
  descriptor.size = manifest.size;
  descriptor.annotations[kImageId] = stored.image->id;
  return descriptor;
}

/// Says of a layer that has no diff_id why there is no tar of it. The config of its image names it
/// by the diff_id all the same.
std::string without_diff_id(const LayerRecord& layer) {
  return str_cat("the layer ", layer.id, " is stored without its diff_id, as of zstd:chunked and ",
                 "composefs, and its tar cannot be made");
}

/// The images of one repository of the store, or all of them.
class StoreSource final : public Source {
 public:
  /// `repository` is absent for all images.
  StoreSource(std::shared_ptr<const ContainersStore> store, std::optional<std::string> repository)
      : store_(std::move(store)),
        repository_(std::move(repository)),
        name_(str_cat(store_->name(), repository_.value_or(""))) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] bool keeps_diffs() const override { return true; }

  [[nodiscard]] TagPage list_tags(const std::optional<std::string>& /*page*/,
                                  const Request& request) override {
    const auto view = store_->view(request);
    const auto images = images_of(view);
    if (repository_ && images.empty()) {
      throw Error(Errc::not_found, str_cat("there is no ", name_));
    }
    return repository_ ? tags_of(images) : all_of(view, images);
  }

  [[nodiscard]] std::optional<Descriptor> resolve(const std::string& tag,
                                                  const Request& request) override {
    const auto view = store_->view(request);
    const auto images = images_of(view);
    const auto has_tag = [&](const StoredImage& stored) {
      return repository_ && stored.image->manifest() != nullptr &&
             std::any_of(stored.image->names.begin(), stored.image->names.end(),
                         [&](const ImageName& name) {
                           return name.repository == *repository_ && name.tag == tag;
                         });
    };
    auto at = std::find_if(images.begin(), images.end(), has_tag);
    if (at == images.end()) {
      at = std::find_if(images.begin(), images.end(),
                        [&](const StoredImage& stored) { return stored.image->id == tag; });
    }
    if (at == images.end() || at->image->manifest() == nullptr) return std::nullopt;
    const BigData& manifest = *at->image->manifest();
    const auto file = at->folder->document(*at->image, manifest);
    if (!file) {
      throw Error(Errc::corrupt,
                  str_cat(name_, " lacks the manifest ", manifest.digest,
                          " that its record of the image ", at->image->id, " names"));
    }
    Descriptor descriptor = describe(*at, manifest);
    descriptor.size = whole_file(file->get()).size;
    if (*descriptor.size <= kMaxManifestBytes) {
      descriptor.media_type = document_type(read_rest(file->get(), kMaxManifestBytes));
    }
    return descriptor;
  }

  [[nodiscard]] std::optional<std::vector<Descriptor>> list_referrers(
      const Digest& /*subject*/, const Request& /*request*/) override {
    return std::nullopt;  // a store keeps no such list
  }

  [[nodiscard]] std::optional<ObjectInfo> find(Endpoint /*endpoint*/, const Digest& digest,
                                               const Request& request) override {
    // podman may hold its lock for a minute, while it stores a layer. What is known needs no lock.
    if (const auto known = find_in(store_->known_view(), digest)) return known;
    return find_in(store_->view(request), digest);
  }

  void fetch(Endpoint endpoint, const Digest& digest, const Range& range, ObjectSink& sink,
             const Request& request) override {
    if (fetch_from_view(store_->known_view(), digest, range, sink, request)) return;
    const auto view = store_->view(request);
    if (fetch_from_view(view, digest, range, sink, request)) return;
    throw Error(
        Errc::not_found,
        str_cat(name_, " ", why_missing(view.layers_of(images_of(view)), endpoint, digest)));
  }

 private:
  [[nodiscard]] bool is_shown(const ImageRecord& image) const {
    return !repository_ ||
           std::any_of(image.names.begin(), image.names.end(),
                       [&](const ImageName& name) { return name.repository == *repository_; });
  }

  [[nodiscard]] std::vector<StoredImage> images_of(const ContainersStore::View& view) const {
    auto images = view.images();
    const auto hidden = [this](const StoredImage& stored) { return !is_shown(*stored.image); };
    images.erase(std::remove_if(images.begin(), images.end(), hidden), images.end());
    return images;
  }

  [[nodiscard]] std::optional<ObjectInfo> find_in(const ContainersStore::View& view,
                                                  const Digest& digest) const {
    const auto images = images_of(view);
    if (const auto file = open_document(images, digest)) {
      return ObjectInfo{whole_file(file->get()).size};
    }
    for (const StoredLayer& stored : view.layers_of(images)) {
      if (stored.layer->diff == digest && stored.folder->has_layer(*stored.layer)) {
        return ObjectInfo{stored.layer->size};
      }
    }
    return std::nullopt;
  }

  /// Sends the object, or returns false if `view` has none that can be sent.
  [[nodiscard]] bool fetch_from_view(const ContainersStore::View& view, const Digest& digest,
                                     const Range& range, ObjectSink& sink,
                                     const Request& request) const {
    const auto images = images_of(view);
    if (const auto file = open_document(images, digest)) {
      send(whole_file(file->get()), range, sink, request);
      return true;
    }
    for (const StoredLayer& stored : view.layers_of(images)) {
      if (stored.layer->diff != digest) continue;
      if (const auto parts = stored.folder->layer(*stored.layer)) {
        send_layer(stored, *parts, sink, request);
        return true;
      }
    }
    return false;
  }

  [[nodiscard]] TagPage tags_of(const std::vector<StoredImage>& images) const {
    TagPage page;
    LeftOutList left_out(*repository_);
    std::set<std::string> tags;
    for (const StoredImage& stored : images) {
      for (const ImageName& name : stored.image->names) {
        if (name.repository != *repository_) continue;
        const std::string shown = name.tag.value_or(stored.image->id);
        const BigData* manifest = stored.image->manifest();
        if (name.digest) {
          const BigData* named = stored.image->document(*name.digest);
          if (named != nullptr && named->is_manifest()) manifest = named;
        }
        if (manifest == nullptr) {
          left_out.add(shown, str_cat("the store has no manifest of the image ", stored.image->id));
        } else if (!name.tag) {
          page.untagged.push_back(describe(stored, *manifest));
        } else if (tags.insert(*name.tag).second) {
          page.tags.push_back(*name.tag);
        } else {
          left_out.add(shown, str_cat("another store has an image of this name; this is the image ",
                                      manifest->digest));
          page.untagged.push_back(describe(stored, *manifest));
        }
      }
    }
    page.left_out = std::move(left_out).take();
    return page;
  }

  [[nodiscard]] static TagPage all_of(const ContainersStore::View& view,
                                      const std::vector<StoredImage>& images) {
    TagPage page;
    LeftOutList left_out("images.json");
    for (auto& record : view.left_out()) left_out.add(record.name, record.reason);
    for (const StoredImage& stored : images) {
      if (const BigData* manifest = stored.image->manifest()) {
        page.untagged.push_back(describe(stored, *manifest));
      } else {
        left_out.add(stored.image->id, "the store has no manifest of this image");
      }
    }
    page.left_out = std::move(left_out).take();
    return page;
  }

  [[nodiscard]] static std::optional<UniqueFd> open_document(const std::vector<StoredImage>& images,
                                                             const Digest& digest) {
    for (const StoredImage& stored : images) {
      const BigData* data = stored.image->document(digest);
      if (data == nullptr) continue;
      if (auto file = stored.folder->document(*stored.image, *data)) return file;
    }
    return std::nullopt;
  }

  /// Sends the whole tar: one cannot begin in its middle.
  void send_layer(const StoredLayer& stored, const LayerParts& parts, ObjectSink& sink,
                  const Request& request) const {
    sink.begin({0, stored.layer->size});
    try {
      write_layer_tar(parts, sink, request);
    } catch (const Error& error) {
      if (error.code() != Errc::corrupt && error.code() != Errc::denied) throw;
      throw Error(error.code(), str_cat("cannot put the layer ", stored.layer->id, " of ", name_,
                                        " together again: ", error.what()));
    }
  }

  [[nodiscard]] static std::string why_missing(const std::vector<StoredLayer>& layers,
                                               Endpoint endpoint, const Digest& digest) {
    const LayerRecord* unknown = nullptr;
    for (const StoredLayer& stored : layers) {
      if (stored.layer->diff == digest) {
        return str_cat("cannot give ", digest, ": it did not keep what its tar consists of");
      }
      if (stored.layer->compressed == digest) {
        return str_cat("cannot give ", digest,
                       " as it was compressed: it keeps the files of the layer",
                       stored.layer->diff ? str_cat(", and can give the tar ", *stored.layer->diff)
                                          : std::string());
      }
      if (stored.layer->diff) continue;
      if (stored.layer->claimed == digest) {
        return str_cat("cannot give ", digest, ": ", without_diff_id(*stored.layer));
      }
      if (!stored.layer->claimed) unknown = stored.layer;
    }
    std::string why = str_cat("has no ", digest);
    if (unknown != nullptr) why += str_cat("; ", without_diff_id(*unknown));
    // A layer that was there before an image was pulled keeps no digest of the blob of that image.
    if (endpoint == Endpoint::blobs) {
      why += "; it keeps the files of layers, and no layer as it was compressed";
    }
    return why;
  }

  // Constant after construction.
  std::shared_ptr<const ContainersStore> store_;
  std::optional<std::string> repository_;
  std::string name_;
};

}  // namespace

ContainersStorage::ContainersStorage(const StoreLocation& location)
    : store_(std::make_shared<const ContainersStore>(location)) {}

const std::string& ContainersStorage::name() const { return store_->name(); }

RepositoryPage ContainersStorage::list(const std::optional<std::string>& /*page*/,
                                       const Request& request) {
  const auto view = store_->view(request);
  std::set<std::string> names;
  for (const StoredImage& stored : view.images()) {
    for (const ImageName& name : stored.image->names) names.insert(name.repository);
  }
  RepositoryPage page;
  page.names.assign(names.begin(), names.end());
  page.left_out = view.left_out();
  return page;
}

std::shared_ptr<Source> ContainersStorage::open(const std::string& name, const Request& request) {
  const auto view = store_->view(request);
  for (const StoredImage& stored : view.images()) {
    for (const ImageName& known : stored.image->names) {
      if (known.repository == name) return std::make_shared<StoreSource>(store_, name);
    }
  }
  return nullptr;
}

std::shared_ptr<Source> ContainersStorage::everything() {
  return std::make_shared<StoreSource>(store_, std::nullopt);
}

}  // namespace digestfs::registry
