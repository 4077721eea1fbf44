// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "base/workers.h"
#include "cache/content.h"
#include "cache/problems.h"
#include "cache/referrers.h"
#include "cache/tags.h"
#include "fs/image/image_context.h"
#include "fs/image/layer_trees.h"
#include "fs/image/selection.h"
#include "fs/inodes.h"
#include "fs/node.h"
#include "fs/object/digest_file.h"
#include "fs/object/image_reader.h"
#include "fs/object/seen_objects.h"
#include "fs/tree/built_trees.h"

namespace digestfs::fs {

/// The tree of one repository: owns what its directories share, and the inodes of the mount. The
/// directories are given what they need and never see this class. Safe for concurrent use.
class Repository {
 public:
  Repository(cache::Content& content, cache::Tags& tags, cache::Referrers& referrers,
             cache::Problems& problems, Workers& workers, Selection selection);
  Repository(const Repository&) = delete;
  Repository& operator=(const Repository&) = delete;

  /// Returns the index or manifest `digest`. Throws `Errc::not_found` if the source does not have
  /// it, and `Pending` if it is not there yet.
  [[nodiscard]] std::shared_ptr<const Document> document(const Digest& digest,
                                                         const Patience& patience) {
    return images_.document(digest, {}, patience);
  }

  /// All nodes of the mount. The root is the first of them.
  [[nodiscard]] const Inodes& inodes() const noexcept { return inodes_; }

 private:
  [[nodiscard]] std::vector<Entry> root_entries();

  // Constant after construction.
  Selection selection_;
  // Synchronise themselves.
  SeenObjects seen_;
  ImageReader images_;
  Inodes inodes_;
  DigestNodes digests_;
  BuiltTrees trees_;
  LayerTrees layer_trees_;
  // Constant after construction.
  ImageContext context_;
};

}  // namespace digestfs::fs
