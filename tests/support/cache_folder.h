// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/digest.h"
#include "cache/store.h"
#include "tests/support/mounted.h"

namespace digestfs::test {

/// A test with a folder for a cache, and ways to look at and change what is in it.
class CacheFolder : public testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path path() const { return directory_.path() / "cache"; }
  [[nodiscard]] std::filesystem::path path(std::string_view folder, const Digest& digest) const {
    return path() / folder / digest.algorithm() / digest.encoded();
  }

  /// In a process of its own: gives up being root, who may do anything. `owned` are its files then.
  void become_nobody(const std::vector<std::filesystem::path>& owned) const;

  TemporaryDirectory directory_;
};

/// Publishes `bytes` as an object.
Digest keep(const cache::Store& store, const std::string& bytes,
            cache::Area area = cache::Area::blobs);

/// The content of an object.
std::optional<std::string> content(const cache::Store& store, cache::Area area,
                                   const Digest& digest);

/// The partial file of `promised`, with what came instead in it.
cache::Partial partial_of(const cache::Store& store, const std::string& promised,
                          std::string_view came);

/// Writes a file that is not the cache's own, and the folders above it.
void plant(const std::filesystem::path& path, std::string_view bytes);

/// Puts something that is no file of the cache where one may be: "file", "folder", "full folder"
/// (with a file `file` in it), "link" (to a file outside), "fifo".
void put_in_the_way(const std::filesystem::path& path, std::string_view what);

/// Sets the time of the last change of a file, in seconds since 1970.
void set_time(const std::filesystem::path& path, std::time_t time);

mode_t mode_of(const std::filesystem::path& path);

}  // namespace digestfs::test
