// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/guarded.h"
#include "base/timestamp.h"
#include "cache/content.h"
#include "cache/problems.h"
#include "fs/object/documents.h"
#include "fs/object/seen_objects.h"

namespace digestfs::fs {

/// One layer of an image: what the manifest, the config and the history say of it, put together.
struct ImageLayer {
  std::optional<registry::Descriptor> blob = {};  ///< none if its descriptor is unusable
  std::optional<Digest> diff = {};                ///< none if the config promises none
  std::optional<std::string> created_by = {};
  Timestamp created = {};  ///< when the config says that the image was made
};

/// Reads the documents of a repository: indexes, manifests and configs, and says what images they
/// make. It records all that a document names in `SeenObjects`, and tells `Content` where to get
/// it. Safe for concurrent use; throws `Pending` for what is not there yet (base/flight.h).
class ImageReader {
 public:
  ImageReader(cache::Content& content, cache::Problems& problems, SeenObjects& seen)
      : content_(content), problems_(problems), seen_(seen), documents_(content, problems) {}

  /// Returns the index or manifest `digest`. `hint` is the media type by which it was referred to,
  /// or empty. Throws `Errc::not_found` if the source does not have it.
  [[nodiscard]] std::shared_ptr<const Document> document(const Digest& digest,
                                                         const std::string& hint,
                                                         const Patience& patience);
  /// Returns the index or manifest `digest`, which somebody looks for by name, or null if the
  /// source does not have it. That the cache has it does not mean that this source does.
  [[nodiscard]] std::shared_ptr<const Document> find_document(const Digest& digest,
                                                              const Patience& patience);
  /// Returns the same as its bytes alone describe it, or null if it was not read yet.
  [[nodiscard]] std::shared_ptr<const Document> known_document(const Digest& digest) const;

  /// Returns true if the blob `digest` is an image config.
  [[nodiscard]] bool is_config(const Digest& digest, const Patience& patience);

  /// Returns the config of the image whose manifest is `digest`, or null if it has none that is
  /// usable. Records the diffs that it promises.
  [[nodiscard]] std::shared_ptr<const ConfigDocument> config(const Digest& digest,
                                                             const registry::Manifest& manifest,
                                                             const Patience& patience);

  /// Returns the layers of an image, the base first. Each has its diff_id and its history if the
  /// manifest and the config agree on the number of layers (DEC-e, CFG-2).
  [[nodiscard]] std::vector<ImageLayer> layers(const Digest& digest,
                                               const registry::Manifest& manifest,
                                               const Patience& patience);

  /// Returns the diffs that make up the root file system of an image, the base first. Throws
  /// `Errc::corrupt` if a layer has no diff_id.
  [[nodiscard]] std::vector<Digest> rootfs_diffs(const Digest& digest,
                                                 const registry::Manifest& manifest,
                                                 const Patience& patience);

  /// Throws `Errc::corrupt` if the blob of `layer` is known to have another size than the manifest
  /// gives: a runtime that pulls the image refuses it too (M8).
  void check_size(const ImageLayer& layer, const Patience& patience);

  /// Returns BuildKit's attestations of `image` that the indexes read so far name (MT-8).
  [[nodiscard]] std::vector<registry::Descriptor> attestations(const Digest& image) const;

  /// Records an index or manifest that a document or a tag names.
  void meet_manifest(const registry::Descriptor& descriptor);
  /// Records a blob that a document names.
  void meet_blob(const registry::Descriptor& descriptor);
  /// Returns true if the source has the object behind any of its endpoints.
  [[nodiscard]] bool has(const Digest& digest, const Patience& patience);

 private:
  enum class Certainty {
    bytes,  ///< the bytes say what the document is
    hint,   ///< only a hint does
  };
  void meet_all_of(const Digest& digest, const Document& document, Certainty certainty);

  // Constant after construction.
  cache::Content& content_;
  cache::Problems& problems_;
  // Synchronise themselves.
  SeenObjects& seen_;
  Documents documents_;
  // Guarded by the lock it lives in.
  Guarded<std::unordered_set<std::string>> introduced_;
  Guarded<std::unordered_map<Digest, std::vector<registry::Descriptor>>> attestations_;
};

}  // namespace digestfs::fs
