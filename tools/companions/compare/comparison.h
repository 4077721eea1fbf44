// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/companions/common/progress.h"
#include "tools/companions/compare/file_changes.h"
#include "tools/companions/compare/relation.h"
#include "tools/companions/mount/image.h"

// Everything that digestfs-compare finds out about A and B.

namespace digestfs::companions {

/// A or B: an image or an index.
struct Subject {
  explicit Subject(const ImageDirectory& directory);

  [[nodiscard]] const ImageDirectory& directory() const;
  [[nodiscard]] const registry::Manifest& manifest() const;
  /// Returns the media type that the manifest states, or that the mount knows of it.
  [[nodiscard]] std::string media_type() const;

  std::optional<Image> image;
  std::optional<Index> index;
};

/// The referrers of two images.
struct ReferrersComparison {
  std::vector<std::string> both = {};
  std::vector<std::string> only_a = {};
  std::vector<std::string> only_b = {};
  std::string error = {};  ///< why they could not be listed
};

struct Comparison {
  Relation relation = Relation::different;
  std::string sentence = {};  ///< how A and B relate
  std::vector<LayerPair> layers = {};
  std::vector<FieldChange> fields = {};
  std::vector<PlatformPair> platforms = {};
  ReferrersComparison referrers = {};
};

/// Compares the documents of A and B. Reads no layer. `progress` shows how far it is.
[[nodiscard]] Comparison compare(const Subject& a, const Subject& b, Progress& progress);

}  // namespace digestfs::companions
