// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "cache/repository_list.h"
#include "fs/image/selection.h"
#include "fs/node.h"
#include "fs/nodes.h"
#include "fs/place/opened_repositories.h"
#include "fs/place/place_directory.h"
#include "fs/repository/repository.h"
#include "registry/repositories.h"

namespace digestfs::fs {

/// The tree of a place that holds several repositories: owns what its directories share. Safe for
/// concurrent use.
class Place {
 public:
  /// `path` is where in the mount the place is. If it is empty, the root of the place is the root
  /// of the mount, and the first node of it.
  Place(const MountParts& mount, std::shared_ptr<registry::Repositories> repositories,
        const std::string& path, Selection selection);
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  /// Asks for the first page of repositories. Blocks; a place that cannot be asked fails here
  /// (promise 4).
  void start(const std::stop_token& stop) { list_.start(stop); }

  /// Believes nothing any longer that was asked for before now, in all repositories.
  void ask_again();

  /// The root of the place.
  [[nodiscard]] const Directory& root() const noexcept { return *root_; }

 private:
  // Constant after construction.
  std::shared_ptr<registry::Repositories> repositories_;
  Selection selection_;
  Nodes nodes_;
  // Synchronise themselves.
  cache::Problems problems_;
  cache::RepositoryList list_;
  OpenedRepositories opened_;
  // Constant after construction.
  PlaceContext context_;
  const Directory* root_;
};

}  // namespace digestfs::fs
