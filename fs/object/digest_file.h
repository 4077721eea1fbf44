// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <string_view>
#include <utility>

#include "base/digest.h"
#include "cache/content.h"
#include "fs/node.h"
#include "fs/nodes.h"
#include "fs/object/image_reader.h"

namespace digestfs::fs {

/// The bytes of a digest. Every path that shows them leads to this one inode (design, "The tree").
class DigestFile final : public File {
 public:
  DigestFile(InodeNumber inode, cache::Content& content, const ImageReader& images, Digest digest)
      : File(inode), content_(content), images_(images), digest_(std::move(digest)) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Xattrs xattrs() const override;
  [[nodiscard]] Opened open(const Patience& patience) const override;
  void replace() const override { is_replaced_ = true; }
  [[nodiscard]] bool is_replaced() const noexcept { return is_replaced_; }

 private:
  // Constant after construction.
  cache::Content& content_;
  const ImageReader& images_;
  Digest digest_;
  // Synchronises itself.
  mutable std::atomic<bool> is_replaced_{false};
};

/// Makes the nodes that stand for digests. Safe for concurrent use.
class DigestNodes {
 public:
  DigestNodes(const Nodes& nodes, cache::Content& content, const ImageReader& images)
      : nodes_(nodes), content_(content), images_(images) {}

  /// Returns the file of `digest`, which exists.
  [[nodiscard]] const DigestFile* file(const Digest& digest) const;
  /// Returns the unlisted link `sha256-<hex>` in `directory` that leads to `sha256:<hex>` beside
  /// it. `name` is the link's name; `digest` exists.
  [[nodiscard]] Entry hyphenated_link(std::string_view directory, std::string_view name,
                                      const Digest& digest) const;

 private:
  // Constant after construction.
  const Nodes& nodes_;
  cache::Content& content_;
  const ImageReader& images_;
};

}  // namespace digestfs::fs
