// SPDX-License-Identifier: Apache-2.0
#include "fs/image/layer_directory.h"

#include <utility>

#include "base/text.h"
#include "fs/object/facts.h"
#include "fs/static_directory.h"
#include "fs/text_file.h"

namespace digestfs::fs {

LayerDirectory::LayerDirectory(InodeNumber inode, const ImageContext& context, std::string path,
                               ImageLayer layer)
    : Directory(inode), context_(context), path_(std::move(path)), layer_(std::move(layer)) {}

std::optional<cache::ActualDiff> LayerDirectory::actual() const {
  if (!layer_.diff || !layer_.blob) return std::nullopt;
  return context_.content.actual_diff(*layer_.diff, layer_.blob->digest);
}

Attributes LayerDirectory::attributes() const {
  return {.type = FileType::directory,
          .modified = from_nanoseconds(actual() ? 1 : 0),
          .valid = layer_.diff ? Clock::duration::zero() : Clock::duration(kForever)};
}

Xattrs LayerDirectory::xattrs() const {
  return layer_.blob ? descriptor_facts(*layer_.blob) : Xattrs{};
}

std::optional<Entry> LayerDirectory::lookup(std::string_view name, const Patience& patience) const {
  if (name == "tree") return tree();
  return find_entry(list(patience), name);
}

std::optional<Entry> LayerDirectory::tree() const {
  if (!layer_.diff) return std::nullopt;
  return Entry{"tree", context_.layer_trees.at(str_cat(path_, "/tree"), layer_)};
}

Listing LayerDirectory::list(const Patience& /*patience*/) const {
  const Nodes& nodes = context_.nodes;
  const auto link = [&](const std::string& name, const std::string& target) {
    return Entry{name, nodes.symlink(str_cat(path_, "/", name), target)};
  };
  std::vector<Entry> entries;
  if (layer_.blob) {
    // A store that keeps tars has no other blob of the layer, and can give its diff.
    const bool is_diff =
        layer_.diff && *layer_.diff != layer_.blob->digest && context_.content.keeps_diffs();
    entries.push_back(link("blob", is_diff ? str_cat("../../../../diffs/", *layer_.diff)
                                           : str_cat("../../../../blobs/", layer_.blob->digest)));
  }
  if (layer_.diff) entries.push_back(link("diff", str_cat("../../../../diffs/", *layer_.diff)));
  if (layer_.diff && context_.selection.list_trees) entries.push_back(*tree());
  if (const auto diff = actual()) {
    context_.seen.of(ObjectKind::diffs).add(diff->digest);
    entries.push_back(link("diff.actual", str_cat("../../../../diffs/", diff->digest)));
  }
  if (layer_.created_by) {
    entries.push_back({"created_by", nodes.intern<TextFile>(str_cat(path_, "/created_by"),
                                                            str_cat(*layer_.created_by, "\n"))});
  }
  return make_listing(std::move(entries));
}

}  // namespace digestfs::fs
