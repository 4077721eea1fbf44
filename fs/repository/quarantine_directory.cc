// SPDX-License-Identifier: Apache-2.0
#include "fs/repository/quarantine_directory.h"

#include <string>
#include <unordered_set>

#include "base/digest.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "fs/static_directory.h"

namespace digestfs::fs {

Attributes QuarantineDirectory::attributes() const {
  return {.type = FileType::directory,
          .modified = from_nanoseconds(quarantined_().version),
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
  std::vector<Entry> entries = quarantined_().entries;
  // What two repositories put there is the file of the one that was opened first.
  std::unordered_set<std::string> listed;
  std::erase_if(entries, [&](const Entry& entry) { return !listed.insert(entry.name).second; });
  return make_listing(std::move(entries));
}

}  // namespace digestfs::fs
