// SPDX-License-Identifier: Apache-2.0
#include "fs/image/tree_directory.h"

#include "base/text.h"
#include "fs/image/digest_directory.h"
#include "fs/static_directory.h"

namespace digestfs::fs {

const PlacedTree& TreeDirectory::inside() const {
  if (const PlacedTree* tree = *inside_.lock()) return *tree;
  // Whatever patience the request has: there is nothing to see before the layers are here.
  const PlacedTree* placed = trees_.place(enter_(Patience::unlimited()));
  const auto inside = inside_.lock();
  // Where another thread was faster, its place is the one.
  if (*inside == nullptr) *inside = placed;
  return **inside;
}

Attributes TreeDirectory::attributes() const {
  if (const PlacedTree* tree = *inside_.lock()) return tree->root().attributes();
  return {.type = FileType::directory, .valid = Clock::duration::zero()};
}

Xattrs TreeDirectory::xattrs() const {
  const PlacedTree* tree = *inside_.lock();
  return tree == nullptr ? Xattrs{} : tree->root().xattrs();
}

std::optional<Entry> TreeDirectory::lookup(std::string_view name, const Patience& patience) const {
  return inside().root().lookup(name, patience);
}

Listing TreeDirectory::list(const Patience& patience) const {
  return inside().root().list(patience);
}

void TreeDirectory::visit(Place past, const Show& show, const Patience& patience) const {
  inside().root().visit(past, show, patience);
}

const Node* layer_tree(Repository& repository, const std::string& path, const ImageLayer& layer) {
  const auto enter = [&repository, layer](const Patience& patience) -> const TreeView& {
    const TreeView& view = repository.trees().layer(*layer.diff, patience);
    repository.check_size(layer, patience);
    repository.opened_trees.add(*layer.diff);
    return view;
  };
  return repository.inodes().intern<TreeDirectory>(path, repository.trees(), enter);
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
