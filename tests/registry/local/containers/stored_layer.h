// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

// A small store of containers/storage, written by hand.

namespace digestfs::test {

/// Writes a file, and makes the folders on the way.
void write_file_at(const std::filesystem::path& path, std::string_view text);

/// A layer as a store keeps it.
struct StoredLayer {
  std::string tar_split;  ///< JSON lines, not compressed
  std::string tar;        ///< what must come out again
};

/// A file of a tar: its name and content.
struct StoredFile {
  std::string name;
  std::string content;
};

/// Returns a tar of these files, and the tar-split of it.
[[nodiscard]] StoredLayer store_files(const std::vector<StoredFile>& files);

}  // namespace digestfs::test
