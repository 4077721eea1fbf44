// SPDX-License-Identifier: Apache-2.0
#include "fs/image/trees_directory.h"

#include <utility>
#include <vector>

#include "base/text.h"
#include "fs/image/digest_directory.h"
#include "fs/static_directory.h"
#include "fs/tree/tree_entrance.h"

namespace digestfs::fs {

const Node* layer_tree(Repository& repository, const std::string& path, const ImageLayer& layer) {
  const auto enter = [&repository, layer](const Patience& patience) -> const FileNodes& {
    const FileNodes& view = repository.trees().layer(*layer.diff, patience);
    repository.check_size(layer, patience);
    repository.opened_trees.add(*layer.diff);
    return view;
  };
  return repository.inodes().intern<TreeEntrance>(path, repository.inodes(), enter);
}

Attributes TreesDirectory::attributes() const {
  return {.type = FileType::directory,
          .modified = from_nanoseconds(repository_.opened_trees.version()),
          .valid = Clock::duration::zero()};
}

Entry TreesDirectory::entry(const Digest& diff) const {
  return {diff.str(), layer_tree(repository_, str_cat("trees/", diff), {.diff = diff})};
}

std::optional<Entry> TreesDirectory::lookup(std::string_view name, const Patience& patience) const {
  if (const auto diff = Digest::parse(name)) {
    if (!repository_.content().has_diff(*diff)) return std::nullopt;
    return entry(*diff);
  }
  const auto diff = Digest::parse_hyphenated(name);
  if (!diff || !lookup(diff->str(), patience)) return std::nullopt;
  return hyphenated_entry(repository_, "trees", name, *diff);
}

Listing TreesDirectory::list(const Patience& /*patience*/) const {
  std::vector<Entry> entries;
  for (const Digest& diff : repository_.opened_trees.all()) entries.push_back(entry(diff));
  return make_listing(std::move(entries));
}

}  // namespace digestfs::fs
