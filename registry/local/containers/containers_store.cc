// SPDX-License-Identifier: Apache-2.0
#include "registry/local/containers/containers_store.h"

#include <algorithm>
#include <array>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "registry/local/containers/store_lock.h"

namespace digestfs::registry {
namespace {

constexpr std::array kDrivers = {"overlay", "vfs"};

/// Returns the driver that keeps images in the folder of `location`.
std::string driver_of(const StoreLocation& location) {
  if (!location.driver.empty()) {
    if (std::find(kDrivers.begin(), kDrivers.end(), location.driver) != kDrivers.end()) {
      return location.driver;
    }
    throw Error(Errc::unsupported,
                str_cat("cannot read the store of containers at ", location.root.native(),
                        ": layers of the driver ", escaped(location.driver),
                        " cannot be read, only those of overlay and vfs"));
  }
  for (const char* driver : kDrivers) {
    if (StoreFolder(location.root, driver, {}).exists()) return driver;
  }
  throw Error(Errc::not_found,
              str_cat("there is no store of containers at ", location.root.native()));
}

}  // namespace

ContainersStore::ContainersStore(const StoreLocation& location) {
  const std::string driver = driver_of(location);
  name_ = str_cat("containers-storage:[", driver, "@", location.root.native(), "]");
  folders_.push_back(std::make_unique<StoreFolder>(location.root, driver, location.run_root));
  for (const auto& path : location.additional_stores) {
    folders_.push_back(std::make_unique<StoreFolder>(path, driver, std::filesystem::path()));
  }
  const auto exists = [](const auto& folder) { return folder->exists(); };
  if (std::none_of(folders_.begin(), folders_.end(), exists)) {
    throw Error(Errc::not_found, str_cat("there is no store of containers at ",
                                         location.root.native(), " with the driver ", driver));
  }
}

ContainersStore::View ContainersStore::view(const Request& request) const {
  View view;
  const Request bounded = StoreLock::bounded(request);
  for (const auto& folder : folders_) {
    view.parts_.push_back({folder.get(), folder->records(bounded)});
  }
  return view;
}

ContainersStore::View ContainersStore::known_view() const {
  View view;
  for (const auto& folder : folders_) {
    view.parts_.push_back({folder.get(), folder->known_records()});
  }
  return view;
}

std::vector<ContainersStore::StoredImage> ContainersStore::View::images() const {
  std::vector<StoredImage> images;
  for (const Part& part : parts_) {
    for (const ImageRecord& image : part.records->images) images.push_back({part.folder, &image});
  }
  return images;
}

std::vector<ContainersStore::StoredLayer> ContainersStore::View::layers_of(
    const std::vector<StoredImage>& images) const {
  std::vector<StoredLayer> layers;
  std::unordered_set<std::string> seen;
  for (const StoredImage& image : images) {
    std::string id = image.image->top_layer;
    // A chain that leads back into itself ends where it does.
    while (!id.empty() && seen.insert(id).second) {
      const auto layer = find_layer(id);
      if (!layer) break;
      layers.push_back(*layer);
      id = layer->layer->parent;
    }
  }
  return layers;
}

std::vector<LeftOut> ContainersStore::View::left_out() const {
  std::vector<LeftOut> all;
  for (const Part& part : parts_) {
    all.insert(all.end(), part.records->left_out.begin(), part.records->left_out.end());
  }
  return all;
}

std::optional<ContainersStore::StoredLayer> ContainersStore::View::find_layer(
    const std::string& id) const {
  for (const Part& part : parts_) {
    const auto at = part.records->layers.find(id);
    if (at != part.records->layers.end()) return StoredLayer{part.folder, &at->second};
  }
  return std::nullopt;
}

}  // namespace digestfs::registry
