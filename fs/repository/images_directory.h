// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "fs/image/image_context.h"
#include "fs/node.h"
#include "fs/object/digest_set.h"

namespace digestfs::fs {

/// `images/`: any index or manifest of the repository by digest. Lists those that were opened
/// through this mount, and from the start those that a source on this machine names itself.
class ImagesDirectory final : public Directory {
 public:
  ImagesDirectory(InodeNumber inode, const ImageContext& context)
      : Directory(inode), context_(context) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override;
  [[nodiscard]] Listing list(const Patience& patience) const override;
  [[nodiscard]] Clock::duration absence_valid() const override;

 private:
  void meet_named(const Patience& patience) const;

  // Constant after construction.
  const ImageContext& context_;
  // Synchronises itself.
  mutable DigestSet listed_;
};

}  // namespace digestfs::fs
