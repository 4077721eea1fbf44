// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "registry/local/left_out_list.h"

// What containers/storage says of its images in `images.json` (LOC-4).

namespace digestfs::registry {

/// A name of an image: `docker.io/library/alpine:3.20`.
struct ImageName {
  std::string repository;             ///< `docker.io/library/alpine`
  std::optional<std::string> tag;     ///< `3.20`
  std::optional<Digest> digest = {};  ///< of a name such as `…/alpine@sha256:…`
};

/// A document that is kept with an image: its manifest, its config.
struct BigData {
  std::string key;  ///< `manifest`, `manifest-<digest>`, or the digest of a config.
  Digest digest;    ///< The digest that the document should have.
  std::optional<std::uint64_t> size;

  [[nodiscard]] bool is_manifest() const { return key.starts_with("manifest"); }
  /// Returns the name of the file that keeps the document. It is one component of a path.
  [[nodiscard]] std::string file_name() const;
};

/// An image of the store.
struct ImageRecord {
  /// For an image the hex of its config's digest; for a list of images it is random.
  std::string id;
  std::vector<ImageName> names;
  std::string top_layer;           ///< The ID of the topmost layer; empty for a list.
  std::vector<BigData> documents;  ///< The manifests and configs.
  std::optional<Digest> digest;    ///< What the store gives as the digest of the image.

  /// Returns the manifest or the list that the image is, or null if the store has none. An image
  /// that was stored twice, compressed otherwise, has several. The last one counts, as it does for
  /// skopeo; `digest` is that of the first one, which `podman images` shows.
  [[nodiscard]] const BigData* manifest() const;
  /// Returns the document with this digest, or null.
  [[nodiscard]] const BigData* document(const Digest& wanted) const;
};

/// Reads `images.json`. A record or a name that cannot be used is added to `left_out`. Throws
/// `Errc::corrupt` if the text is no list of records.
[[nodiscard]] std::vector<ImageRecord> parse_image_records(std::string_view text,
                                                           LeftOutList& left_out);

/// Returns true if `id` can be the ID of an image or a layer, and is thus one component of a path.
[[nodiscard]] bool is_store_id(std::string_view id) noexcept;

}  // namespace digestfs::registry
