// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "fs/image/image_context.h"
#include "fs/node.h"

namespace digestfs::fs {

/// `layers/NN/`: links to a layer as it is stored and as it decompresses, its files, and the
/// command that made it. Only `diff.actual` can change: it appears when the layer turns out to
/// decompress to something else than the config promises (promise 3).
class LayerDirectory final : public Directory {
 public:
  /// `path` is that of the directory, four levels below the mount's root.
  LayerDirectory(InodeNumber inode, const ImageContext& context, std::string path,
                 ImageLayer layer);

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Xattrs xattrs() const override;
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override;
  [[nodiscard]] Listing list(const Patience& patience) const override;
  [[nodiscard]] Clock::duration absence_valid() const override { return Clock::duration::zero(); }

 private:
  [[nodiscard]] std::optional<cache::ActualDiff> actual() const;
  [[nodiscard]] std::optional<Entry> tree() const;

  // Constant after construction.
  const ImageContext& context_;
  std::string path_;
  ImageLayer layer_;
};

}  // namespace digestfs::fs
