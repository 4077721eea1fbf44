// SPDX-License-Identifier: Apache-2.0
#include "fs/tree.h"

#include "fs/image/digest_directory.h"
#include "fs/image/image_directory.h"
#include "fs/image/oci_directory.h"
#include "fs/image/quarantine_directory.h"
#include "fs/image/tags_directory.h"
#include "fs/image/trees_directory.h"
#include "fs/static_directory.h"
#include "fs/text_file.h"

namespace digestfs::fs {
namespace {

/// The root. Its number is the first that is given out, so its entries come after it is made.
class RootDirectory final : public Directory {
 public:
  RootDirectory(InodeNumber inode, Repository& repository)
      : Directory(inode), repository_(repository) {}

  [[nodiscard]] Attributes attributes() const override { return {.type = FileType::directory}; }
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override {
    return find_entry(list(patience), name);
  }
  [[nodiscard]] Listing list(const Patience& /*patience*/) const override {
    using Kind = DigestDirectory::Kind;
    Inodes& inodes = repository_.inodes();
    const auto digests = [&](const char* name, Kind kind) {
      return Entry{name, inodes.intern<DigestDirectory>(name, repository_, kind)};
    };
    cache::Problems& problems = repository_.problems();
    const Node* journal = inodes.intern<GrowingTextFile>(
        ".digestfs/problems.jsonl",
        GrowingTextFile::Source{[&problems] { return problems.text(); },
                                [&problems] { return problems.size(); }});
    const Node* bad = inodes.intern<QuarantineDirectory>(".digestfs/quarantine", repository_);
    return make_listing({
        {"tags", inodes.intern<TagsDirectory>("tags", repository_)},
        {"images", inodes.intern<ImagesDirectory>("images", repository_)},
        digests("indexes", Kind::indexes),
        digests("manifests", Kind::manifests),
        digests("configs", Kind::configs),
        digests("blobs", Kind::blobs),
        digests("diffs", Kind::diffs),
        {"oci", repository_layout(repository_)},
        {"trees", inodes.intern<TreesDirectory>("trees", repository_)},
        {".digestfs",
         inodes.intern<StaticDirectory>(
             ".digestfs", std::vector<Entry>{{"problems.jsonl", journal}, {"quarantine", bad}})},
    });
  }

 private:
  Repository& repository_;
};

}  // namespace

Tree::Tree(Repository& repository)
    : repository_(repository), root_(repository.inodes().intern<RootDirectory>("/", repository)) {}

}  // namespace digestfs::fs
