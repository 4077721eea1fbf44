// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "fs/tree/file_tree.h"

namespace digestfs::fs {

/// Returns true if a layer's tree that was read from a file can be walked, listed, merged and read
/// like one that was built: every index and length leads to something, the directories form a tree,
/// names are in order, and the contents of files lie within a tar of `tar_size` bytes. The tree
/// that `LayerBuilder` makes of any such tar is sound.
[[nodiscard]] bool is_sound(const FileTree& tree, std::uint64_t tar_size);

}  // namespace digestfs::fs
