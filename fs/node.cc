// SPDX-License-Identifier: Apache-2.0
#include "fs/node.h"

#include <algorithm>

namespace digestfs::fs {

void Directory::visit(Position past, const Show& show, const Patience& patience) const {
  const Listing listing = list(patience);
  auto at = std::ranges::upper_bound(*listing, past, {},
                                     [](const Entry& entry) { return entry.node->inode(); });
  while (at != listing->end() && show({at->name, at->node, at->valid}, at->node->inode())) ++at;
}

}  // namespace digestfs::fs
