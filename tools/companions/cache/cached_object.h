// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/digest.h"
#include "cache/disk/directory.h"

// The objects in the folder of a cache.

namespace digestfs::companions {

/// A file of the cache that has the name of an object.
struct CachedObject {
  std::string area;  ///< `blobs`, `diffs`, `partial` or `quarantine`
  std::string path;  ///< in the cache's folder
  Digest digest;     ///< that the file is named by
  std::uint64_t bytes = 0;
  std::uint64_t beside = 0;  ///< the bytes of the files beside it, which go with it
  std::int64_t used_ns = 0;  ///< the time of the last use, in nanoseconds since 1970
};

/// Returns the objects in `areas`, least recently used first. Throws `Error` if a folder of the
/// cache cannot be listed.
[[nodiscard]] std::vector<CachedObject> objects_in(const cache::Directory& directory,
                                                   const std::vector<std::string>& areas);

/// Opens the folder of a cache. Throws `Error` if `path` has none. A folder is a cache only if its
/// CACHEDIR.TAG, which is no link, says that digestfs made it, because files that are named like
/// objects are removed from the folder.
[[nodiscard]] std::unique_ptr<const cache::Directory> open_cache(const std::string& path);

/// Says whether a file was removed.
enum class Removal {
  removed,
  in_use,
  failed,
  unreadable,  ///< nobody knows what is in the file, so it stays
};

/// Removes the file of `object`, and what the cache knows beside it, unless a process uses it.
[[nodiscard]] Removal remove_unused(const cache::Directory& directory, const CachedObject& object);

/// Removes the file of `object` if it is still `damaged`, an open file. A process that has it open
/// goes on with what it has.
[[nodiscard]] Removal remove_damaged(const cache::Directory& directory, const CachedObject& object,
                                     int damaged);

}  // namespace digestfs::companions
