// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "fs/image/repository.h"
#include "fs/node.h"

namespace digestfs::fs {

/// `trees/`: any layer by its diff_id; lists those that were opened here.
class TreesDirectory final : public Directory {
 public:
  TreesDirectory(InodeNumber inode, Repository& repository)
      : Directory(inode), repository_(repository) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override;
  [[nodiscard]] Listing list(const Patience& patience) const override;
  [[nodiscard]] Clock::duration absence_valid() const override { return kBriefMemory; }

 private:
  [[nodiscard]] Entry entry(const Digest& diff) const;

  // Constant after construction.
  Repository& repository_;
};

/// The way into the files of `layer`, which has a diff, at `path`. A size that its descriptor gets
/// wrong bars it.
[[nodiscard]] const Node* layer_tree(Repository& repository, const std::string& path,
                                     const ImageLayer& layer);

}  // namespace digestfs::fs
