// SPDX-License-Identifier: Apache-2.0
#include "fs/repository/trees_directory.h"

#include <utility>
#include <vector>

#include "base/text.h"
#include "fs/static_directory.h"

namespace digestfs::fs {

Attributes TreesDirectory::attributes() const {
  return {.type = FileType::directory,
          .modified = from_nanoseconds(layer_trees_.entered().version()),
          .valid = Clock::duration::zero()};
}

Entry TreesDirectory::entry(const Digest& diff) const {
  return {diff.str(), layer_trees_.at(str_cat("trees/", diff), {.diff = diff})};
}

std::optional<Entry> TreesDirectory::lookup(std::string_view name, const Patience& patience) const {
  if (const auto diff = Digest::parse(name)) {
    if (!content_.has_diff(*diff)) return std::nullopt;
    return entry(*diff);
  }
  const auto diff = Digest::parse_hyphenated(name);
  if (!diff || !lookup(diff->str(), patience)) return std::nullopt;
  return digests_.hyphenated_link("trees", name, *diff);
}

Listing TreesDirectory::list(const Patience& /*patience*/) const {
  std::vector<Entry> entries;
  for (const Digest& diff : layer_trees_.entered().all()) entries.push_back(entry(diff));
  return make_listing(std::move(entries));
}

}  // namespace digestfs::fs
