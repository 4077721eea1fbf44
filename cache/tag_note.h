// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "cache/store.h"
#include "registry/source.h"

// What is remembered of the tags of a repository from one mount to the next, in two notes of the
// cache that all mounts of the repository share:
//   tags/<hex>.json  what the tags named: {"source", "digests": {"<tag>": {"digest", "mediaType",
//                    "size", "asked"}}}
//   tags/<hex>.list  the list: a line {"source", "complete", "cut", "listed"}, then a tag a line
// Lists are long, so that one is read and written line by line. Neither is trusted: every name and
// digest is checked, and what makes no sense counts as nothing.

namespace digestfs::cache {

/// What a tag named when the source was last asked.
struct RememberedTag {
  std::optional<registry::Descriptor> descriptor;  ///< nothing where there was no such tag
  std::int64_t asked_ns = 0;                       ///< when, in nanoseconds since 1970
};

/// A list of tags.
struct RememberedList {
  std::shared_ptr<const std::set<std::string>> names;  ///< never null
  bool complete = false;                               ///< false: it is the first page
  bool is_cut = false;                                 ///< it did not end
  std::int64_t listed_ns = 0;                          ///< when, in nanoseconds since 1970
};

struct RememberedTags {
  std::optional<RememberedList> list;
  std::map<std::string, RememberedTag> tags;
};

/// Reads what is remembered of the repository `source`. Throws only where a limit is met.
[[nodiscard]] RememberedTags read_tags(const Store& store, const std::string& source);

/// Writes what is remembered of the repository `source`. What another mount has written meanwhile
/// is kept unless `ours` is newer. Throws `std::system_error`.
void write_tags(const Store& store, const std::string& source, RememberedTags ours);

}  // namespace digestfs::cache
