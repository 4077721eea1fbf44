// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/digest.h"
#include "base/sink.h"
#include "fs/tree/file_tree.h"
#include "fs/tree/findings.h"

// The file `trees/<alg>/<hex>` of the cache: the tree of a layer, so that a later mount need not
// read the layer's tar. It has these parts, in the order of bytes of the machine that wrote it:
//
//     a header of fixed size: its version and the program's, size of the tar, sizes of the next
//     three parts
//     the records of the files, as they are in memory
//     the names, as they are in memory
//     the texts
//     details: digest of the tar, extras, early links, findings; each text after its length
//     the `LastingSum` of all that stands before it
//
// Each format begins with its version and ends with that sum, whatever is between them. So a
// damaged byte of the version is not taken for another version.

namespace digestfs::fs {

/// The tree of a layer, and what was found while it was built.
struct KeptTree {
  FileTree tree;
  Findings findings;
};

/// The largest file that is written or read, in bytes.
inline constexpr std::uint64_t kMaxKeptTree = std::uint64_t{1} << 30U;

/// Writes the tree of the tar `diff`, which has `tar_size` bytes, to `output`. Throws
/// `Errc::too_large` for a tree that is too large to be kept.
void write_kept_tree(ByteSink& output, const Digest& diff, std::uint64_t tar_size,
                     const FileTree& tree, const Findings& findings);

/// Returns what is kept in the file `fd` if that is the tree of the tar `diff`, which has
/// `tar_size` bytes. Returns nothing if another version of the program wrote the file, or another
/// machine, or for a tar of another size. Throws `Errc::corrupt` if anything in the file is not as
/// it was written (its sum tells, also for another version), or could not have been written:
/// whatever the file holds, the tree that is returned is sound (fs/tree/tree_check.h). Throws
/// `std::system_error` if the file cannot be read.
[[nodiscard]] std::optional<KeptTree> read_kept_tree(int fd, const Digest& diff,
                                                     std::uint64_t tar_size);

}  // namespace digestfs::fs
