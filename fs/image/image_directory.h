// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fs/image/image_view.h"
#include "fs/image/repository.h"
#include "fs/node.h"

namespace digestfs::fs {

/// `images/<digest>/`: an index or manifest of the repository, pinned.
class ImageDirectory final : public Directory {
 public:
  ImageDirectory(InodeNumber inode, Repository& repository, const Digest& digest)
      : Directory(inode), view_(repository, std::nullopt, "images/" + digest.str(), digest, {}) {}

  [[nodiscard]] Attributes attributes() const override { return {.type = FileType::directory}; }
  [[nodiscard]] Xattrs xattrs() const override { return view_.xattrs(); }
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override;
  [[nodiscard]] Listing list(const Patience& patience) const override;

 private:
  // Constant after construction.
  ImageView view_;
};

/// `images/`: any index or manifest of the repository by digest; lists those that were opened here.
class ImagesDirectory final : public Directory {
 public:
  ImagesDirectory(InodeNumber inode, Repository& repository)
      : Directory(inode), repository_(repository) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override;
  [[nodiscard]] Listing list(const Patience& patience) const override;
  [[nodiscard]] Clock::duration absence_valid() const override;

 private:
  Repository& repository_;
};

}  // namespace digestfs::fs
