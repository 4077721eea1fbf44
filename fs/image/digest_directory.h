// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "fs/image/repository.h"
#include "fs/node.h"

namespace digestfs::fs {

/// `indexes/`, `manifests/`, `configs/`, `blobs/` or `diffs/`: lists what was met, and answers for
/// any digest of the repository that is of its kind.
class DigestDirectory final : public Directory {
 public:
  enum class Kind { indexes, manifests, configs, blobs, diffs };

  DigestDirectory(InodeNumber inode, Repository& repository, Kind kind)
      : Directory(inode), repository_(repository), kind_(kind) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override;
  [[nodiscard]] Listing list(const Patience& patience) const override;
  [[nodiscard]] Clock::duration absence_valid() const override;

 private:
  [[nodiscard]] DigestSet& members() const;
  [[nodiscard]] bool has(const Digest& digest, const Patience& patience) const;
  [[nodiscard]] bool has_document(const Digest& digest, const Patience& patience) const;
  [[nodiscard]] bool has_config(const Digest& digest, const Patience& patience) const;

  // Constant after construction.
  Repository& repository_;
  Kind kind_;
};

/// The unlisted link from `sha256-<hex>` to `sha256:<hex>` beside it, for a digest that exists.
[[nodiscard]] Entry hyphenated_entry(Repository& repository, std::string_view directory,
                                     std::string_view name, const Digest& digest);

}  // namespace digestfs::fs
