// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/content.h"
#include "fs/node.h"
#include "fs/object/digest_file.h"

namespace digestfs::fs {

/// `.digestfs/quarantine/`: the bytes that the source sent instead of what a digest promises, under
/// the digest that they really have (promise 3). Lists what came through this mount and is still in
/// the cache.
class QuarantineDirectory final : public Directory {
 public:
  QuarantineDirectory(InodeNumber inode, const DigestNodes& digests, const cache::Content& content)
      : Directory(inode), digests_(digests), content_(content) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override;
  [[nodiscard]] Listing list(const Patience& patience) const override;
  [[nodiscard]] Clock::duration absence_valid() const override { return Clock::duration::zero(); }

 private:
  // Constant after construction.
  const DigestNodes& digests_;
  const cache::Content& content_;
};

}  // namespace digestfs::fs
