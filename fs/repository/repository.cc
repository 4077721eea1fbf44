// SPDX-License-Identifier: Apache-2.0
#include "fs/repository/repository.h"

#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "fs/repository/digest_directory.h"
#include "fs/repository/images_directory.h"
#include "fs/repository/quarantine_directory.h"
#include "fs/repository/repository_layout.h"
#include "fs/repository/tags_directory.h"
#include "fs/repository/trees_directory.h"
#include "fs/static_directory.h"
#include "fs/text_file.h"

namespace digestfs::fs {
namespace {

/// The root. Its number is the first that is given out, so its entries are made after it.
class RootDirectory final : public Directory {
 public:
  RootDirectory(InodeNumber inode, std::function<std::vector<Entry>()> entries)
      : Directory(inode), entries_(std::move(entries)) {}

  [[nodiscard]] Attributes attributes() const override { return {.type = FileType::directory}; }
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override {
    return find_entry(list(patience), name);
  }
  [[nodiscard]] Listing list(const Patience& /*patience*/) const override {
    return make_listing(entries_());
  }

 private:
  // Constant after construction.
  std::function<std::vector<Entry>()> entries_;
};

}  // namespace

Repository::Repository(cache::Content& content, cache::Tags& tags, cache::Referrers& referrers,
                       cache::Problems& problems, Workers& workers, Selection selection)
    : selection_(std::move(selection)),
      images_(content, problems, seen_),
      digests_(inodes_, content, images_),
      trees_(content, problems, inodes_, workers, selection_.absolute_links),
      layer_trees_(inodes_, images_, trees_),
      context_{.inodes = inodes_,
               .seen = seen_,
               .images = images_,
               .digests = digests_,
               .trees = trees_,
               .layer_trees = layer_trees_,
               .content = content,
               .tags = tags,
               .referrers = referrers,
               .problems = problems,
               .selection = selection_} {
  inodes_.intern<RootDirectory>("/", [this] { return root_entries(); });
}

std::vector<Entry> Repository::root_entries() {
  const auto digests = [this](const char* name, ObjectKind kind) {
    return Entry{name, inodes_.intern<DigestDirectory>(name, kind, digests_, seen_, images_,
                                                       context_.content)};
  };
  cache::Problems& problems = context_.problems;
  const Node* journal = inodes_.intern<GrowingTextFile>(
      ".digestfs/problems.jsonl", GrowingTextFile::Source{[&problems] { return problems.text(); },
                                                          [&problems] { return problems.size(); }});
  const Node* bad =
      inodes_.intern<QuarantineDirectory>(".digestfs/quarantine", digests_, context_.content);
  return {
      {"tags", inodes_.intern<TagsDirectory>("tags", context_)},
      {"images", inodes_.intern<ImagesDirectory>("images", context_)},
      digests("indexes", ObjectKind::indexes),
      digests("manifests", ObjectKind::manifests),
      digests("configs", ObjectKind::configs),
      digests("blobs", ObjectKind::blobs),
      digests("diffs", ObjectKind::diffs),
      {"oci", repository_layout(context_)},
      {"trees", inodes_.intern<TreesDirectory>("trees", digests_, layer_trees_, context_.content)},
      {".digestfs",
       inodes_.intern<StaticDirectory>(
           ".digestfs", std::vector<Entry>{{"problems.jsonl", journal}, {"quarantine", bad}})},
  };
}

}  // namespace digestfs::fs
