// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/companions/common/progress.h"
#include "tools/companions/compare/fields.h"
#include "tools/companions/compare/layers.h"
#include "tools/companions/mount/image.h"

// How two images, or two indexes, relate.

namespace digestfs::companions {

/// The relations of two images; the first that holds.
enum class Relation {
  same_document,  ///< the same manifest or index
  same_image,     ///< the same config and blobs in two manifests
  recompressed,   ///< the same image, of which blobs are compressed otherwise
  same_layers,    ///< the same layers with different configs, or blobs of different artifacts
  built_on,       ///< one has all layers of the other, and more on top of them
  shared_base,    ///< layers from the base upwards are the same
  shared_layers,  ///< layers are the same, but not from the base upwards
  unrelated,      ///< no layer is the same
  member,         ///< one is an index, and the other an image of it
  different,      ///< two indexes, or an index and an image that is not in it
};

[[nodiscard]] std::string_view to_string(Relation relation) noexcept;

/// Two images side by side.
struct ImageComparison {
  Relation relation = Relation::unrelated;
  std::string sentence = {};  ///< says how A and B relate
  std::vector<LayerPair> layers = {};
  std::vector<FieldChange> fields = {};  ///< of the configs, and of the annotations
};

[[nodiscard]] ImageComparison compare_images(const Image& a, const Image& b);

/// What two indexes have under one platform.
struct PlatformPair {
  std::string name;  ///< as in `platforms/`
  std::optional<Digest> a = {};
  std::optional<Digest> b = {};
  std::string sentence = {};  ///< how the two relate, or which index has the platform
  std::string error = {};     ///< why the two could not be compared
};

/// Two indexes side by side.
struct IndexComparison {
  Relation relation = Relation::different;
  std::string sentence = {};
  std::vector<PlatformPair> platforms = {};
  std::vector<FieldChange> fields = {};  ///< of the annotations
};

/// Compares two indexes, and the images of each platform that both have. `progress` shows how many
/// platforms are compared.
[[nodiscard]] IndexComparison compare_indexes(const Index& a, const Index& b, Progress& progress);

/// Returns how an index and an image relate. `index_name` and `image_name` are A and B, or B and A.
struct MemberComparison {
  Relation relation = Relation::different;
  std::string sentence = {};
};
[[nodiscard]] MemberComparison compare_member(const Index& index, std::string_view index_name,
                                              const Image& image, std::string_view image_name);

}  // namespace digestfs::companions
