// SPDX-License-Identifier: Apache-2.0
#include "fs/repository/quarantine_directory.h"

#include <unordered_set>

#include "base/text.h"
#include "fs/static_directory.h"

namespace digestfs::fs {

Attributes QuarantineDirectory::attributes() const {
  std::int64_t version = 0;
  for (const QuarantinePart& part : parts_()) version += part.content.quarantined().version;
  return {.type = FileType::directory,
          .modified = from_nanoseconds(version),
          .valid = Clock::duration::zero()};
}

std::optional<Entry> QuarantineDirectory::lookup(std::string_view name,
                                                 const Patience& patience) const {
  if (auto entry = find_entry(list(patience), name)) return entry;
  const auto digest = Digest::parse_hyphenated(name);
  if (!digest || !find_entry(list(patience), digest->str())) return std::nullopt;
  return Entry{std::string(name), nodes_.symlink(str_cat(inode(), "/", name), digest->str())};
}

Listing QuarantineDirectory::list(const Patience& /*patience*/) const {
  std::vector<Entry> entries;
  // What two repositories put there is the file of the one that was opened first.
  std::unordered_set<Digest> listed;
  for (const QuarantinePart& part : parts_()) {
    for (const Digest& digest : part.content.quarantined().digests) {
      if (!listed.insert(digest).second) continue;
      entries.push_back({digest.str(), part.digests.file(digest)});
    }
  }
  return make_listing(std::move(entries));
}

}  // namespace digestfs::fs
