// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/workers.h"
#include "cache/content.h"
#include "cache/problems.h"
#include "cache/referrers.h"
#include "cache/store.h"
#include "cache/tags.h"
#include "fs/image/image_context.h"
#include "fs/image/layer_trees.h"
#include "fs/image/selection.h"
#include "fs/inodes.h"
#include "fs/node.h"
#include "fs/nodes.h"
#include "fs/object/digest_file.h"
#include "fs/object/image_reader.h"
#include "fs/object/seen_objects.h"
#include "fs/passthrough_state.h"
#include "fs/repository/quarantine_directory.h"
#include "fs/tree/built_trees.h"

namespace digestfs::fs {

/// What all repositories of a mount share. It outlives them. The workers are stopped before any of
/// it ends.
struct MountParts {
  const cache::Store& store;
  Workers& workers;
  cache::Problems& problems;
  cache::Network network;
  Inodes& inodes;
  const PassthroughState& passthrough;
  cache::DownloadPolicy downloads = {};
};

/// The tree of one repository: owns what its directories share. The directories are given what they
/// need and never see this class. Safe for concurrent use.
class Repository {
 public:
  /// `path` is where in the mount the tree is, and is empty for the root. Asks `source` nothing.
  Repository(const MountParts& mount, std::shared_ptr<registry::Source> source,
             const std::string& path, Selection selection);
  Repository(const Repository&) = delete;
  Repository& operator=(const Repository&) = delete;

  /// Returns an entry of the repository's directory, or nothing if there is no such entry.
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name) const;
  /// Returns the entries that the repository's directory lists.
  [[nodiscard]] std::vector<Entry> list() const;

  /// Takes the first page of tags from the source. Blocks; a wrong repository or credential fails
  /// here (promise 4). If the source cannot be reached, what an earlier mount knew is enough.
  void start(std::stop_token stop) { tags_.start(std::move(stop)); }
  /// Asks for the one image that the selection names by its tag or digest. Throws `Errc::not_found`
  /// if the source does not have it, and `Pending` if the answer is not there yet.
  void find_selected(const Patience& patience);
  /// Returns true if a list of tags, or what a tag names, is known from this mount or an earlier
  /// one.
  [[nodiscard]] bool is_anything_known() const { return tags_.is_anything_known(); }
  /// Returns what the source sent through this mount that was not what it had to be.
  [[nodiscard]] QuarantinedFiles quarantined() const;

  /// Believes nothing any longer that was asked for before now, and has the source read its
  /// credentials again.
  void ask_again();

 private:
  // Constant after construction.
  std::shared_ptr<registry::Source> source_;
  Selection selection_;
  Nodes nodes_;
  // Synchronise themselves. Each uses those above it.
  cache::Problems problems_;
  cache::Content content_;
  cache::Tags tags_;
  cache::Referrers referrers_;
  SeenObjects seen_;
  ImageReader images_;
  DigestNodes digests_;
  BuiltTrees trees_;
  LayerTrees layer_trees_;
  // Constant after construction.
  ImageContext context_;
};

/// Makes the root of a mount that shows `repository` alone, which is the first node of the mount:
/// the tree of the repository, and `.digestfs/`.
void mount_alone(const Repository& repository, const MountParts& mount);

}  // namespace digestfs::fs
