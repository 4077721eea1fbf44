// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "registry/local/containers/store_folder.h"
#include "registry/local/containers/store_location.h"

namespace digestfs::registry {

/// The folders of a store and of its additional stores, in the order in which they are searched.
/// Safe for concurrent use.
class ContainersStore {
 public:
  /// An image, and the folder that has it.
  struct StoredImage {
    const StoreFolder* folder;
    const ImageRecord* image;
  };
  /// A layer, and the folder that has it.
  struct StoredLayer {
    const StoreFolder* folder;
    const LayerRecord* layer;
  };

  /// What all folders say at one moment. Valid for as long as the store is.
  class View {
   public:
    /// Returns all images of all folders.
    [[nodiscard]] std::vector<StoredImage> images() const;
    /// Returns the layers of `images`, each once. Layers that have no record are absent.
    [[nodiscard]] std::vector<StoredLayer> layers_of(const std::vector<StoredImage>& images) const;
    /// Returns the records that cannot be used.
    [[nodiscard]] std::vector<LeftOut> left_out() const;

   private:
    friend class ContainersStore;
    struct Part {
      const StoreFolder* folder;
      std::shared_ptr<const StoreRecords> records;
    };

    [[nodiscard]] std::optional<StoredLayer> find_layer(const std::string& id) const;

    std::vector<Part> parts_;
  };

  /// Throws as `ContainersStorage` does.
  explicit ContainersStore(const StoreLocation& location);

  /// `containers-storage:[overlay@/var/lib/containers/storage]`, as skopeo spells it.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Throws as `StoreFolder::records` does.
  [[nodiscard]] View view(const Request& request) const;
  /// Returns what the folders said when they were asked last, without waiting for podman. What a
  /// digest names in it is right for ever. What is not in it may be in the store.
  [[nodiscard]] View known_view() const;

 private:
  // Constant after construction.
  std::string name_;
  std::vector<std::unique_ptr<StoreFolder>> folders_;
};

}  // namespace digestfs::registry
