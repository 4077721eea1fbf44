// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "cache/content.h"
#include "fs/node.h"
#include "fs/object/digest_file.h"
#include "fs/object/image_reader.h"
#include "fs/object/seen_objects.h"

namespace digestfs::fs {

/// `indexes/`, `manifests/`, `configs/`, `blobs/` or `diffs/`: lists what this mount has met, and
/// finds on lookup any digest of the repository that is of its kind.
class DigestDirectory final : public Directory {
 public:
  DigestDirectory(InodeNumber inode, ObjectKind kind, const DigestNodes& digests, SeenObjects& seen,
                  ImageReader& images, cache::Content& content)
      : Directory(inode),
        kind_(kind),
        digests_(digests),
        seen_(seen),
        images_(images),
        content_(content) {}

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
  ObjectKind kind_;
  const DigestNodes& digests_;
  SeenObjects& seen_;
  ImageReader& images_;
  cache::Content& content_;
};

}  // namespace digestfs::fs
