// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "cache/content.h"
#include "fs/image/layer_trees.h"
#include "fs/node.h"
#include "fs/object/digest_file.h"

namespace digestfs::fs {

/// `trees/`: the files of any layer by its diff_id. Lists the layers that were entered through this
/// mount.
class TreesDirectory final : public Directory {
 public:
  TreesDirectory(InodeNumber inode, const DigestNodes& digests, LayerTrees& layer_trees,
                 const cache::Content& content)
      : Directory(inode), digests_(digests), layer_trees_(layer_trees), content_(content) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override;
  [[nodiscard]] Listing list(const Patience& patience) const override;
  [[nodiscard]] Clock::duration absence_valid() const override { return kBriefMemory; }

 private:
  [[nodiscard]] Entry entry(const Digest& diff) const;

  // Constant after construction.
  const DigestNodes& digests_;
  LayerTrees& layer_trees_;
  const cache::Content& content_;
};

}  // namespace digestfs::fs
