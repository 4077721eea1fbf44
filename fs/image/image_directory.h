// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fs/image/image_context.h"
#include "fs/image/image_view.h"
#include "fs/node.h"

namespace digestfs::fs {

/// `images/<digest>/`: an index or manifest of the context, pinned.
class ImageDirectory final : public Directory {
 public:
  ImageDirectory(InodeNumber inode, const ImageContext& context, const Digest& digest)
      : Directory(inode), view_(context, std::nullopt, "images/" + digest.str(), digest, {}) {}

  [[nodiscard]] Attributes attributes() const override { return {.type = FileType::directory}; }
  [[nodiscard]] Xattrs xattrs() const override { return view_.xattrs(); }
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override;
  [[nodiscard]] Listing list(const Patience& patience) const override;

 private:
  // Constant after construction.
  ImageView view_;
};

}  // namespace digestfs::fs
