// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "fs/tree/file_tree.h"

namespace digestfs::test {

/// A tree as lines to be compared, in the order of the paths:
///
///     d 0755 0:0 etc               a directory; `(d` one that is only implied
///     f 0644 1000:1000 5@512 etc/x a file: size, and where in the tar
///     l etc/y -> z
///     c 0600 0:0 1,3 dev/null      b likewise; p a fifo
///     = etc/z etc/x                another name of the same file
///     ! broken                     a file without content to show
///
/// The root is `.`; names are printable.
[[nodiscard]] std::vector<std::string> tree_text(const fs::FileTree& tree);

}  // namespace digestfs::test
