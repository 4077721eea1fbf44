// SPDX-License-Identifier: Apache-2.0
#include "registry/local/containers/store_folder.h"

#include <array>
#include <utility>

#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"
#include "registry/local/containers/store_lock.h"
#include "registry/local/folder.h"

namespace digestfs::registry {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxRecords = std::size_t{64} << 20U;
constexpr const char* kImages = "images.json";
constexpr const char* kLayers = "layers.json";
constexpr const char* kVolatileLayers = "volatile-layers.json";

/// Adds to a failure which file it is about.
Error about(const fs::path& path, const Error& cause) {
  return {cause.code(), str_cat("cannot read ", path.native(), ": ", cause.what())};
}

}  // namespace

StoreFolder::StoreFolder(fs::path root, std::string driver, const fs::path& run_root)
    : root_(std::move(root)),
      driver_(std::move(driver)),
      images_(root_ / str_cat(driver_, "-images")),
      layers_(root_ / str_cat(driver_, "-layers")) {
  if (!run_root.empty()) volatile_layers_ = run_root / str_cat(driver_, "-layers");
  existed_ = exists();
}

bool StoreFolder::exists() const { return Folder::open(images_).has_value(); }

std::shared_ptr<const StoreRecords> StoreFolder::records(const Request& request) const {
  Marks now = marks();
  {
    const auto read = read_.lock();
    if (*read && (*read)->marks == now) return (*read)->records;
  }
  // What changes from here on changes the marks, and is read the next time.
  auto records = std::make_shared<StoreRecords>();
  read_images(*records, request);
  read_layers(*records, request);
  *read_.lock() = Read{now, records};
  return records;
}

std::shared_ptr<const StoreRecords> StoreFolder::known_records() const {
  const auto read = read_.lock();
  return *read ? (*read)->records : std::make_shared<const StoreRecords>();
}

void StoreFolder::read_images(StoreRecords& records, const Request& request) const try {
  const auto folder = Folder::open(images_);
  if (!folder) {
    // A disk that was unmounted looks like this. The images are not gone for that.
    if (existed_) throw Error(Errc::unavailable, "the store was here, and is gone");
    return;
  }
  const auto text = [&] {
    const StoreLock lock(*folder, "images.lock", request);
    return folder->read(kImages, kMaxRecords);
  }();
  LeftOutList left_out(kImages);
  if (text) records.images = parse_image_records(*text, left_out);
  records.left_out = std::move(left_out).take();
} catch (const Error& error) {
  throw about(images_ / kImages, error);
}

void StoreFolder::read_layers(StoreRecords& records, const Request& request) const try {
  const auto folder = Folder::open(layers_);
  if (!folder) return;
  const auto run = volatile_layers_.empty() ? std::nullopt : Folder::open(volatile_layers_);
  std::array<std::optional<std::string>, 3> texts;
  {
    const StoreLock lock(*folder, "layers.lock", request);
    texts = {folder->read(kLayers, kMaxRecords), folder->read(kVolatileLayers, kMaxRecords),
             run ? run->read(kVolatileLayers, kMaxRecords) : std::nullopt};
  }
  for (const auto& text : texts) {
    if (text) add_layer_records(records.layers, *text);
  }
} catch (const Error& error) {
  throw about(layers_ / kLayers, error);
}

StoreFolder::Marks StoreFolder::marks() const {
  const auto mark_of = [](const fs::path& path) -> std::optional<Fingerprint> {
    struct stat status {};
    if (path.is_relative() || ::stat(path.c_str(), &status) != 0) return std::nullopt;
    return Fingerprint::of(status);
  };
  return {mark_of(images_ / kImages), mark_of(layers_ / kLayers),
          mark_of(layers_ / kVolatileLayers), mark_of(volatile_layers_ / kVolatileLayers)};
}

std::optional<UniqueFd> StoreFolder::document(const ImageRecord& image, const BigData& data) const {
  // From the root of the store, out of which no link may lead.
  const auto root = Folder::open(root_);
  return root ? root->file(str_cat(driver_, "-images/", image.id, "/", data.file_name()))
              : std::nullopt;
}

fs::path StoreFolder::folder_of(const LayerRecord& layer) const {
  return driver_ == "vfs" ? root_ / "vfs/dir" / layer.id : root_ / driver_ / layer.id / "diff";
}

std::optional<LayerParts> StoreFolder::layer(const LayerRecord& layer) const {
  const auto root = Folder::open(root_);
  auto tar_split =
      root ? root->file(str_cat(driver_, "-layers/", layer.id, ".tar-split.gz")) : std::nullopt;
  auto files = Folder::open(folder_of(layer));
  if (!tar_split || !files) return std::nullopt;
  return LayerParts{*std::move(tar_split), DiffDirectory(*std::move(files)), layer.size};
}

bool StoreFolder::has_layer(const LayerRecord& layer) const {
  return this->layer(layer).has_value();
}

}  // namespace digestfs::registry
