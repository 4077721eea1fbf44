// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "fs/inodes.h"

namespace digestfs::test {

/// A block without nodes.
class EmptyBlock final : public fs::NodeBlock {
 public:
  [[nodiscard]] const fs::Node* find(std::uint64_t /*offset*/) const override { return nullptr; }
};

/// Returns how many blocks of nodes were added before. Adds another.
inline std::uint64_t blocks(fs::Inodes& inodes) {
  std::uint64_t before = 0;
  inodes.add_block<EmptyBlock>([&](fs::InodeNumber first) {
    before = first / fs::NodeBlock::kRoom - 1;
    return std::make_unique<const EmptyBlock>();
  });
  return before;
}

}  // namespace digestfs::test
