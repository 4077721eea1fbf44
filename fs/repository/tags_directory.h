// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/guarded.h"
#include "fs/image/image_context.h"
#include "fs/image/image_view.h"
#include "fs/node.h"

namespace digestfs::fs {

/// `tags/<tag>/`: what the tag names now. It is a directory and not a link, so that listing the
/// tags resolves none of them. The tag is resolved when a process enters the directory, and again
/// after its time to live.
class TagDirectory final : public Directory {
 public:
  TagDirectory(InodeNumber inode, const ImageContext& context, std::string tag)
      : Directory(inode), context_(context), tag_(std::move(tag)) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Xattrs xattrs() const override;
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override;
  [[nodiscard]] Listing list(const Patience& patience) const override;
  [[nodiscard]] Clock::duration absence_valid() const override;

 private:
  [[nodiscard]] cache::Tag resolve(const Patience& patience) const;
  template <class Look>
  [[nodiscard]] auto find(const Patience& patience, const Look& look) const;
  [[nodiscard]] ImageView view_of(const cache::Tag& tag) const;

  // Constant after construction.
  const ImageContext& context_;
  std::string tag_;
};

/// `tags/`: the tags of the context, or the one that the mount selects.
class TagsDirectory final : public Directory {
 public:
  TagsDirectory(InodeNumber inode, const ImageContext& context)
      : Directory(inode), context_(context) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override;
  [[nodiscard]] Listing list(const Patience& patience) const override;
  [[nodiscard]] Clock::duration absence_valid() const override;

 private:
  struct Snapshot {
    std::shared_ptr<const std::set<std::string>> names;
    Listing listing;
  };

  [[nodiscard]] Entry entry(const std::string& tag, Clock::duration valid) const;

  // Constant after construction.
  const ImageContext& context_;
  // Guarded by the lock it lives in: the last listing that was made, and the names in it.
  mutable Guarded<Snapshot> snapshot_;
};

}  // namespace digestfs::fs
