// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "registry/image/config.h"
#include "registry/image/manifest.h"
#include "tools/companions/mount/image_directory.h"

// An image as its documents in a mount describe it. No layer is read.

namespace digestfs::companions {

/// A layer of an image.
struct Layer {
  std::string name = {};  ///< as in `layers/NN`
  std::optional<Digest> blob = {};
  std::optional<std::uint64_t> size = {};  ///< of the blob, as its descriptor has it
  std::string media_type = {};
  std::optional<Digest> diff = {};              ///< none for an artifact
  std::optional<std::uint64_t> diff_size = {};  ///< only if the mount knows it for certain
};

/// An image or an artifact.
struct Image {
  ImageDirectory directory;
  std::string manifest_text = {};
  registry::Manifest manifest = {};
  std::string config_text = {};  ///< empty if there is none
  std::optional<registry::ImageConfig> config = {};
  std::vector<Layer> layers = {};

  /// Returns the image ID: the digest of the config.
  [[nodiscard]] std::optional<Digest> id() const;
  /// Returns the sum of the sizes of the layers' blobs, if all are known.
  [[nodiscard]] std::optional<std::uint64_t> stored_size() const;
  /// Returns the sum of the sizes of the layers' diffs, if all are known.
  [[nodiscard]] std::optional<std::uint64_t> unpacked_size() const;
  /// Returns `linux/arm64/v8`, or an empty text for an artifact.
  [[nodiscard]] std::string platform() const;
};

/// Returns `platform` as `os/architecture[/variant]`, or an empty text if it says neither.
[[nodiscard]] std::string platform_text(const registry::Platform& platform);

/// Reads the manifest and the config of `directory`, which is no index. Throws `Error`.
[[nodiscard]] Image read_image(const ImageDirectory& directory);

/// An index of images.
struct Index {
  ImageDirectory directory;
  std::string text = {};
  registry::Manifest manifest = {};
  std::vector<std::string> platforms = {};  ///< the names in `platforms/`
};

/// Reads the index `directory`. Throws `Error`.
[[nodiscard]] Index read_index(const ImageDirectory& directory);

}  // namespace digestfs::companions
