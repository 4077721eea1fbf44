// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>

#include "base/digest.h"
#include "cache/disk/directory.h"
#include "tools/companions/common/program.h"
#include "tools/companions/common/progress.h"
#include "tools/companions/common/terminal.h"

// The commands of digestfs-cache. All may run beside daemons that use the cache.

namespace digestfs::companions {

/// How a command writes what it did.
struct CacheOutput {
  std::ostream& out;
  Terminal terminal;
  bool is_json = false;
};

enum class CacheOrder { use, size };

/// Lists all objects: the last used or the largest first.
Answer list_cache(const cache::Directory& directory, const CacheOutput& output, CacheOrder order);

/// Says whether a command changes the cache or only says what it would do.
enum class Effect { real, dry_run };

/// Hashes every object, and removes those that do not hash to their names. Answers `no` if there
/// were any, and `failed` if objects could not be read or removed.
Answer verify_cache(const cache::Directory& directory, const CacheOutput& output, Effect effect,
                    Progress& progress);

/// What prune keeps.
struct PruneLimits {
  /// Objects that were not used for longer go.
  std::optional<std::chrono::seconds> older_than = {};
  /// The least recently used go until no more bytes are left.
  std::optional<std::uint64_t> keep_size = {};
};

/// Removes objects. What a process uses stays. Answers `no` if the limits could not be kept.
Answer prune_cache(const cache::Directory& directory, const CacheOutput& output,
                   const PruneLimits& limits, Effect effect);

/// Writes the path of the file that holds the object. Answers `no` if there is none.
Answer find_in_cache(const cache::Directory& directory, const CacheOutput& output,
                     const Digest& digest);

/// Returns the time that `text` is: `30d`, `12h`, `45m`, `10s` or `2w`. Throws `UsageError`.
[[nodiscard]] std::chrono::seconds parse_duration(const std::string& text);

}  // namespace digestfs::companions
