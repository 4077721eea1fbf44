// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fingerprint.h"
#include "base/guarded.h"
#include "base/request.h"
#include "registry/local/containers/image_record.h"
#include "registry/local/containers/layer_record.h"
#include "registry/local/containers/layer_tar.h"

namespace digestfs::registry {

/// What a store says of its images and layers, at one moment. Never changes.
struct StoreRecords {
  std::vector<ImageRecord> images;
  std::vector<LeftOut> left_out;  ///< Records and names that cannot be used.
  LayerRecords layers;
};

/// The folders in which one driver of containers/storage keeps one store (LOC-4). podman may write
/// there meanwhile: the records are read under the store's locks, and taken apart after they are
/// released. The content of a layer or a document is read without a lock, because it never changes.
/// Safe for concurrent use.
class StoreFolder {
 public:
  /// `driver` is `overlay` or `vfs`.
  StoreFolder(std::filesystem::path root, std::string driver,
              const std::filesystem::path& run_root);

  [[nodiscard]] const std::filesystem::path& root() const noexcept { return root_; }
  /// Returns true if the driver keeps images here.
  [[nodiscard]] bool exists() const;

  /// Returns the records. Reads them anew if their files have changed. Throws `Errc::timed_out` if
  /// podman holds a lock for longer than `request` may wait, `corrupt` for records that cannot be
  /// read, `denied`, and `unavailable` if the store was there at the start and is gone.
  [[nodiscard]] std::shared_ptr<const StoreRecords> records(const Request& request) const;

  /// Returns the records that were read last, without waiting for anything. They may have changed.
  [[nodiscard]] std::shared_ptr<const StoreRecords> known_records() const;

  /// Opens a document of an image. Returns nothing if its file is not there.
  [[nodiscard]] std::optional<UniqueFd> document(const ImageRecord& image,
                                                 const BigData& data) const;
  /// Returns what the tar of a layer is put together from. Returns nothing if the store cannot make
  /// the tar, because it kept no tar-split or no files of the layer.
  [[nodiscard]] std::optional<LayerParts> layer(const LayerRecord& layer) const;
  /// Returns true if `layer` would return something.
  [[nodiscard]] bool has_layer(const LayerRecord& layer) const;

 private:
  /// The files of records: images, layers, layers of containers, the same until the next start.
  /// Nothing stands for a file that is absent.
  using Marks = std::array<std::optional<Fingerprint>, 4>;
  struct Read {
    Marks marks;
    std::shared_ptr<const StoreRecords> records;
  };

  [[nodiscard]] Marks marks() const;
  [[nodiscard]] std::filesystem::path folder_of(const LayerRecord& layer) const;
  void read_images(StoreRecords& records, const Request& request) const;
  void read_layers(StoreRecords& records, const Request& request) const;

  // Constant after construction.
  std::filesystem::path root_;
  std::string driver_;
  std::filesystem::path images_;
  std::filesystem::path layers_;
  std::filesystem::path volatile_layers_;
  bool existed_ = false;
  // Synchronises itself.
  Guarded<std::optional<Read>> read_;
};

}  // namespace digestfs::registry
