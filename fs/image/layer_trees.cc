// SPDX-License-Identifier: Apache-2.0
#include "fs/image/layer_trees.h"

#include "fs/tree/tree_entrance.h"

namespace digestfs::fs {

const Node* LayerTrees::at(const std::string& path, const ImageLayer& layer) {
  const auto enter = [this, layer](const Patience& patience) -> const FileNodes& {
    const FileNodes& files = trees_.layer(*layer.diff, patience);
    images_.check_size(layer, patience);
    entered_.add(*layer.diff);
    return files;
  };
  const auto glance = [this, diff = *layer.diff] { return trees_.known_layer(diff); };
  return nodes_.intern<TreeEntrance>(path, nodes_.all(), enter, layer.created, glance);
}

}  // namespace digestfs::fs
