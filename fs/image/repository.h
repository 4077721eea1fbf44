// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/guarded.h"
#include "cache/content.h"
#include "cache/problems.h"
#include "cache/referrers.h"
#include "cache/tags.h"
#include "fs/image/digest_set.h"
#include "fs/image/documents.h"
#include "fs/inodes.h"
#include "fs/tree/built_trees.h"
#include "registry/image/platform.h"

namespace digestfs::fs {

/// What of the repository is shown.
struct Selection {
  /// `SOURCE:TAG`: this is the only tag.
  std::optional<std::string> tag;
  /// `SOURCE@DIGEST`: there are no tags, and this is an image from the start.
  std::optional<Digest> digest;
  /// What `host` points to.
  registry::Platform platform;
  /// What becomes of absolute links in a rootfs.
  AbsoluteLinks absolute_links = AbsoluteLinks::keep;
  /// `--tag-ttl`.
  Clock::duration tag_ttl{};
};

/// One layer of an image: what the manifest, the config and the history say of it, put together.
struct ImageLayer {
  std::optional<registry::Descriptor> blob = {};  ///< none where its descriptor is unusable
  std::optional<Digest> diff = {};                ///< none where nothing promises one
  std::optional<std::string> created_by = {};
};

/// The repository as this mount has come to know it: what the nodes of the tree share. Listing
/// shows what was met here, lookup may meet more. Safe for concurrent use; throws `Pending` for
/// what is not there yet (base/flight.h).
class Repository {
 public:
  Repository(cache::Content& content, cache::Tags& tags, cache::Referrers& referrers,
             cache::Problems& problems, Workers& workers, Selection selection);

  [[nodiscard]] cache::Content& content() const noexcept { return content_; }
  [[nodiscard]] cache::Tags& tags() const noexcept { return tags_; }
  [[nodiscard]] cache::Referrers& referrers() const noexcept { return referrers_; }
  [[nodiscard]] cache::Problems& problems() const noexcept { return problems_; }
  [[nodiscard]] Inodes& inodes() const noexcept { return inodes_; }
  [[nodiscard]] BuiltTrees& trees() const noexcept { return trees_; }
  [[nodiscard]] const Selection& selection() const noexcept { return selection_; }

  /// The index or manifest `digest`, and with it all that it names is met. `hint` is the media type
  /// by which it was referred to, if any. `Errc::not_found` where there is none.
  [[nodiscard]] std::shared_ptr<const Document> document(const Digest& digest,
                                                         const std::string& hint,
                                                         const Patience& patience);
  /// The same by its bytes alone, if it was read already.
  [[nodiscard]] std::shared_ptr<const Document> known_document(const Digest& digest) const;

  /// Whether the blob `digest` is an image config.
  [[nodiscard]] bool is_config(const Digest& digest, const Patience& patience);

  /// The config of the image whose manifest `digest` is; null where it has none or it is unusable.
  /// Meets the diffs.
  [[nodiscard]] std::shared_ptr<const ConfigDocument> config(const Digest& digest,
                                                             const registry::Manifest& manifest,
                                                             const Patience& patience);

  /// The layers of an image, paired with diff_ids and history as far as their numbers agree (DEC-e,
  /// CFG-2).
  [[nodiscard]] std::vector<ImageLayer> layers(const Digest& digest,
                                               const registry::Manifest& manifest,
                                               const Patience& patience);

  /// BuildKit's attestations of `image`, as far as indexes that were read name them (MT-8).
  [[nodiscard]] std::vector<registry::Descriptor> attestations(const Digest& image) const;

  /// Throws `Errc::corrupt` where what `layer` is made of is known not to have the size that the
  /// image gives: whoever pulls it is told so (M8).
  void check_size(const ImageLayer& layer, const Patience& patience);

  /// The diffs that make up the root file system of an image, the base first. Throws
  /// `Errc::corrupt` where its layers and diff_ids do not pair up.
  [[nodiscard]] std::vector<Digest> rootfs_diffs(const Digest& digest,
                                                 const registry::Manifest& manifest,
                                                 const Patience& patience);

  /// Takes note of an index or manifest that somebody names.
  void meet_manifest(const registry::Descriptor& descriptor);
  /// Takes note of a blob that somebody names.
  void meet_blob(const registry::Descriptor& descriptor);

  /// Whether somebody named the object, as whatever.
  [[nodiscard]] bool is_met(const Digest& digest) const;
  /// All objects as the source stores them that were met, each once.
  [[nodiscard]] std::vector<Digest> all_met() const;
  /// Moves whenever one is met.
  [[nodiscard]] std::int64_t version() const;
  /// Whether the source has the object behind any of its endpoints.
  [[nodiscard]] bool has(const Digest& digest, const Patience& patience);

  // What was met, by kind. Synchronise themselves.
  DigestSet indexes;
  DigestSet manifests;
  DigestSet configs;
  DigestSet blobs;
  DigestSet diffs;
  /// Images that were opened by their digest.
  DigestSet images;
  /// Layers whose files were looked at.
  DigestSet opened_trees;

 private:
  void meet_all_of(const Digest& digest, const Document& document);

  // Constant after construction.
  cache::Content& content_;
  cache::Tags& tags_;
  cache::Referrers& referrers_;
  cache::Problems& problems_;
  Selection selection_;
  // Synchronise themselves.
  Documents documents_;
  mutable Inodes inodes_;
  mutable BuiltTrees trees_;
  // Guarded by the lock it lives in.
  Guarded<std::unordered_set<const Document*>> introduced_;
  Guarded<std::unordered_map<Digest, std::vector<registry::Descriptor>>> attestations_;
};

}  // namespace digestfs::fs
