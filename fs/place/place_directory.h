// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/guarded.h"
#include "cache/repository_list.h"
#include "fs/image/selection.h"
#include "fs/node.h"
#include "fs/nodes.h"
#include "fs/place/opened_repositories.h"

namespace digestfs::fs {

/// What the directories of a place are made with. `Place` owns all of it, and it outlives all
/// nodes.
struct PlaceContext {
  const Nodes& nodes;
  cache::RepositoryList& list;
  OpenedRepositories& opened;
  const Selection& selection;
  /// Returns `.digestfs`, or null if the place is not the root of the mount.
  std::function<const Directory*()> state;
};

/// A directory of a place (design 1, "Many repositories"): a repository, a directory that contains
/// repositories, or both. `_` in it is the tree of the repository. In the root of the place, `_` is
/// everything that the place holds.
class PlaceDirectory final : public Directory {
 public:
  /// `path` is that of the directory within the place, and is empty for its root.
  PlaceDirectory(InodeNumber inode, const PlaceContext& context, std::string path)
      : Directory(inode), context_(context), path_(std::move(path)) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override;
  [[nodiscard]] Listing list(const Patience& patience) const override;
  [[nodiscard]] Clock::duration absence_valid() const override;

 private:
  struct Snapshot {
    std::shared_ptr<const std::set<std::string>> names;
    std::int64_t opened = 0;
    Listing listing;
  };

  [[nodiscard]] std::string child(std::string_view name) const;
  [[nodiscard]] bool exists(const std::string& path, const Patience& patience) const;
  [[nodiscard]] bool is_repository(const Patience& patience) const;
  [[nodiscard]] Entry directory(std::string_view name) const;
  [[nodiscard]] Entry inside() const;
  [[nodiscard]] std::optional<Entry> link(std::string_view name, const Patience& patience) const;
  void add_children(const std::set<std::string>& names, std::set<std::string>& children) const;

  // Constant after construction.
  const PlaceContext& context_;
  std::string path_;
  // Guarded by the lock it lives in: the last listing, and what it was made of.
  mutable Guarded<Snapshot> snapshot_;
};

}  // namespace digestfs::fs
