// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "registry/image/platform.h"
#include "tools/companions/mount/image_directory.h"

// What digestfs-images shows: a row for each tag and platform.

namespace digestfs::companions {

/// An image in the table.
struct ImageRow {
  std::string repository = {};
  std::string tag = {};               ///< empty for an image without a tag
  std::string platform = {};          ///< `linux/amd64`, or empty for an artifact
  std::optional<Digest> digest = {};  ///< of the manifest
  std::optional<Digest> index = {};   ///< of the index that leads to the manifest, if there is one
  std::optional<Digest> id = {};      ///< of the config
  std::string created = {};           ///< RFC 3339, or empty
  std::optional<std::uint64_t> stored = {};    ///< bytes of the layers as they are stored
  std::optional<std::uint64_t> unpacked = {};  ///< bytes of the layers uncompressed
  std::string error = {};                      ///< why the image cannot be shown, or empty
};

/// Which images are shown.
struct ImageFilter {
  std::string repository = {};  ///< a pattern of fnmatch(3); empty for all
  std::string tag = {};         ///< the same
  std::string digest =
      {};  ///< the beginning of a manifest's, index's or config's digest; empty for all
  std::optional<registry::Platform> platform = {};

  /// Returns true if an image with this tag may be shown.
  [[nodiscard]] bool takes_tag(const std::string& name) const;
  [[nodiscard]] bool takes_repository(const std::string& name) const;
  /// Returns true if the image is shown. A row with an error is shown whatever it would be.
  [[nodiscard]] bool takes(const ImageRow& row) const;
};

/// Where an image is looked for.
struct ImagePlace {
  std::string repository = {};      ///< the repository's name
  std::string tag = {};             ///< empty for an image without a tag
  std::filesystem::path path = {};  ///< the image directory
};

/// Returns the rows of the image or index at `place`. What fails is a row with an error; nothing is
/// thrown.
[[nodiscard]] std::vector<ImageRow> rows_of(const ImagePlace& place) noexcept;

}  // namespace digestfs::companions
