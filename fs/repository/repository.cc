// SPDX-License-Identifier: Apache-2.0
#include "fs/repository/repository.h"

#include <functional>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "fs/repository/digest_directory.h"
#include "fs/repository/images_directory.h"
#include "fs/repository/repository_layout.h"
#include "fs/repository/state_directory.h"
#include "fs/repository/tags_directory.h"
#include "fs/repository/trees_directory.h"
#include "fs/static_directory.h"

namespace digestfs::fs {
namespace {

/// The root. Its number is the first that is given out, so what is in it is made after it.
class RootDirectory final : public Directory {
 public:
  RootDirectory(InodeNumber inode, const Repository& repository, const MountParts& mount)
      : Directory(inode), repository_(repository), mount_(mount) {}

  [[nodiscard]] Attributes attributes() const override { return {.type = FileType::directory}; }
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& /*patience*/) const override {
    return name == ".digestfs" ? state() : repository_.lookup(name);
  }
  [[nodiscard]] Listing list(const Patience& /*patience*/) const override {
    std::vector<Entry> entries = repository_.list();
    entries.push_back(state());
    return make_listing(std::move(entries));
  }

 private:
  [[nodiscard]] Entry state() const {
    return {".digestfs", state_directory(Nodes(mount_.inodes, ""), mount_.problems, mount_.workers,
                                         mount_.passthrough, [&repository = repository_] {
                                           return repository.quarantined();
                                         })};
  }

  // Constant after construction.
  const Repository& repository_;
  MountParts mount_;
};

}  // namespace

Repository::Repository(const MountParts& mount, std::shared_ptr<registry::Source> source,
                       const std::string& path, Selection selection)
    : source_(std::move(source)),
      selection_(std::move(selection)),
      nodes_(mount.inodes, path),
      problems_(mount.problems, source_->name()),
      content_(mount.store, *source_, mount.workers, problems_, mount.network, mount.downloads),
      tags_(mount.store, *source_, mount.workers, problems_, mount.network, selection_.tag_ttl),
      referrers_(*source_, mount.workers, mount.network, selection_.tag_ttl),
      images_(content_, problems_, seen_),
      digests_(nodes_, content_, images_),
      trees_(content_, problems_, mount.inodes, mount.workers, selection_.absolute_links),
      layer_trees_(nodes_, images_, trees_),
      context_{.nodes = nodes_,
               .seen = seen_,
               .images = images_,
               .digests = digests_,
               .trees = trees_,
               .layer_trees = layer_trees_,
               .content = content_,
               .tags = tags_,
               .referrers = referrers_,
               .problems = problems_,
               .selection = selection_} {}

void Repository::find_selected(const Patience& patience) {
  if (selection_.digest) {
    static_cast<void>(images_.document(*selection_.digest, {}, patience));
  } else if (selection_.tag && !tags_.resolve(*selection_.tag, patience)) {
    throw Error(Errc::not_found, str_cat(source_->name(), " has no tag ", *selection_.tag));
  }
}

QuarantinedFiles Repository::quarantined() const {
  const auto [digests, version] = content_.quarantined();
  QuarantinedFiles found{.entries = {}, .version = version};
  for (const Digest& digest : digests) {
    found.entries.push_back({digest.str(), digests_.file(digest)});
  }
  return found;
}

void Repository::ask_again() {
  source_->ask_again();
  tags_.ask_again();
  referrers_.ask_again();
}

std::vector<Entry> Repository::list() const {
  std::vector<Entry> entries;
  for (const char* name :
       {"tags", "images", "indexes", "manifests", "configs", "blobs", "diffs", "oci", "trees"}) {
    if (name == std::string_view("oci") && !selection_.list_trees) continue;
    entries.push_back(*lookup(name));
  }
  return entries;
}

std::optional<Entry> Repository::lookup(std::string_view name) const {
  const auto digests = [&](ObjectKind kind) {
    return Entry{std::string(name),
                 nodes_.intern<DigestDirectory>(std::string(name), kind, digests_, context_.seen,
                                                context_.images, context_.content)};
  };
  if (name == "tags") return Entry{"tags", nodes_.intern<TagsDirectory>("tags", context_)};
  if (name == "images") return Entry{"images", nodes_.intern<ImagesDirectory>("images", context_)};
  if (name == "indexes") return digests(ObjectKind::indexes);
  if (name == "manifests") return digests(ObjectKind::manifests);
  if (name == "configs") return digests(ObjectKind::configs);
  if (name == "blobs") return digests(ObjectKind::blobs);
  if (name == "diffs") return digests(ObjectKind::diffs);
  if (name == "oci") return Entry{"oci", repository_layout(context_)};
  if (name == "trees") {
    return Entry{"trees", nodes_.intern<TreesDirectory>("trees", digests_, context_.layer_trees,
                                                        context_.content)};
  }
  return std::nullopt;
}

void mount_alone(const Repository& repository, const MountParts& mount) {
  mount.inodes.intern<RootDirectory>("/", repository, mount);
}

}  // namespace digestfs::fs
