// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "fs/node.h"
#include "fs/nodes.h"

namespace digestfs::fs {

/// The files in quarantine, named by the digests that they really have. Two repositories may have a
/// file of one name.
struct QuarantinedFiles {
  std::vector<Entry> entries;
  std::int64_t version = 0;  ///< changes whenever a file comes or goes
};

/// Returns the files of all repositories that this mount has opened, those of the newest last.
using FindQuarantined = std::function<QuarantinedFiles()>;

/// `.digestfs/quarantine/`: the bytes that a source sent instead of what a digest promises, under
/// the digest that they really have (promise 3). Lists what came through this mount and is still in
/// the cache.
class QuarantineDirectory final : public Directory {
 public:
  QuarantineDirectory(InodeNumber inode, Nodes nodes, FindQuarantined quarantined)
      : Directory(inode), nodes_(std::move(nodes)), quarantined_(std::move(quarantined)) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override;
  [[nodiscard]] Listing list(const Patience& patience) const override;
  [[nodiscard]] Clock::duration absence_valid() const override { return Clock::duration::zero(); }

 private:
  // Constant after construction.
  Nodes nodes_;
  FindQuarantined quarantined_;
};

}  // namespace digestfs::fs
