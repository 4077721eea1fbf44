// SPDX-License-Identifier: Apache-2.0
#include "fs/repository/quarantine_directory.h"

#include <utility>
#include <vector>

#include "base/text.h"
#include "fs/static_directory.h"

namespace digestfs::fs {

Attributes QuarantineDirectory::attributes() const {
  return {.type = FileType::directory,
          .modified = from_nanoseconds(content_.quarantined().version),
          .valid = Clock::duration::zero()};
}

std::optional<Entry> QuarantineDirectory::lookup(std::string_view name,
                                                 const Patience& patience) const {
  if (auto entry = find_entry(list(patience), name)) return entry;
  const auto digest = Digest::parse_hyphenated(name);
  if (!digest || !find_entry(list(patience), digest->str())) return std::nullopt;
  return digests_.hyphenated_link(str_cat(inode()), name, *digest);
}

Listing QuarantineDirectory::list(const Patience& /*patience*/) const {
  std::vector<Entry> entries;
  for (const Digest& digest : content_.quarantined().digests) {
    entries.push_back({digest.str(), digests_.file(digest)});
  }
  return make_listing(std::move(entries));
}

}  // namespace digestfs::fs
