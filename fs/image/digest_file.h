// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/digest.h"
#include "fs/image/repository.h"
#include "fs/node.h"

namespace digestfs::fs {

/// The bytes of a digest, under whatever path they are found: one inode (design, "The tree").
class DigestFile final : public File {
 public:
  DigestFile(InodeNumber inode, Repository& repository, Digest digest)
      : File(inode), repository_(repository), digest_(std::move(digest)) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Xattrs xattrs() const override;
  [[nodiscard]] Opened open(const Patience& patience) const override;

  /// The node of `digest`.
  [[nodiscard]] static const DigestFile* of(Repository& repository, const Digest& digest);

 private:
  Repository& repository_;
  Digest digest_;
};

}  // namespace digestfs::fs
