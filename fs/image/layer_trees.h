// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "fs/node.h"
#include "fs/nodes.h"
#include "fs/object/digest_set.h"
#include "fs/object/image_reader.h"
#include "fs/tree/built_trees.h"

namespace digestfs::fs {

/// Makes the directories `layers/NN/tree/` and `trees/<diff_id>/`, and remembers which layers were
/// entered through them. Safe for concurrent use.
class LayerTrees {
 public:
  LayerTrees(const Nodes& nodes, ImageReader& images, BuiltTrees& trees)
      : nodes_(nodes), images_(images), trees_(trees) {}

  /// Returns the directory at `path` with the files of `layer`, which has a diff. A layer whose
  /// manifest gives a wrong size cannot be entered.
  [[nodiscard]] const Node* at(const std::string& path, const ImageLayer& layer);

  /// The layers that a process has entered through this mount.
  [[nodiscard]] const DigestSet& entered() const noexcept { return entered_; }

 private:
  // Constant after construction.
  const Nodes& nodes_;
  ImageReader& images_;
  BuiltTrees& trees_;
  // Synchronises itself.
  DigestSet entered_;
};

}  // namespace digestfs::fs
