// SPDX-License-Identifier: Apache-2.0
#include "fs/place/place.h"

#include <utility>

#include "fs/repository/state_directory.h"

namespace digestfs::fs {

Place::Place(const MountParts& mount, std::shared_ptr<registry::Repositories> repositories,
             const std::string& path, Selection selection)
    : repositories_(std::move(repositories)),
      selection_(std::move(selection)),
      nodes_(mount.inodes, path),
      problems_(mount.problems, repositories_->name()),
      list_(*repositories_, mount.workers, problems_, mount.network, selection_.tag_ttl),
      opened_(mount, *repositories_, path, selection_),
      context_{.nodes = nodes_,
               .list = list_,
               .opened = opened_,
               .selection = selection_,
               .state = [this, is_root = path.empty(), &workers = mount.workers,
                         &passthrough = mount.passthrough]() -> const Directory* {
                 if (!is_root) return nullptr;
                 return state_directory(nodes_, problems_, workers, passthrough,
                                        [this] { return opened_.quarantined(); });
               }},
      root_(nodes_.intern<PlaceDirectory>("/", context_, "")) {}

void Place::ask_again() {
  list_.ask_again();
  opened_.ask_again();
}

}  // namespace digestfs::fs
