// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "cache/content.h"
#include "fs/node.h"
#include "fs/nodes.h"
#include "fs/object/digest_file.h"

namespace digestfs::fs {

/// What one repository put into quarantine, and the nodes that show it.
struct QuarantinePart {
  const DigestNodes& digests;
  const cache::Content& content;
};

/// Returns the parts of all repositories that this mount has opened, the newest last.
using QuarantineParts = std::function<std::vector<QuarantinePart>()>;

/// `.digestfs/quarantine/`: the bytes that a source sent instead of what a digest promises, under
/// the digest that they really have (promise 3). Lists what came through this mount and is still in
/// the cache.
class QuarantineDirectory final : public Directory {
 public:
  QuarantineDirectory(InodeNumber inode, Nodes nodes, QuarantineParts parts)
      : Directory(inode), nodes_(std::move(nodes)), parts_(std::move(parts)) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override;
  [[nodiscard]] Listing list(const Patience& patience) const override;
  [[nodiscard]] Clock::duration absence_valid() const override { return Clock::duration::zero(); }

 private:
  // Constant after construction.
  Nodes nodes_;
  QuarantineParts parts_;
};

}  // namespace digestfs::fs
