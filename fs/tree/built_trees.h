// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/flights.h"
#include "base/guarded.h"
#include "cache/content.h"
#include "cache/problems.h"
#include "fs/inodes.h"
#include "fs/tree/file_nodes.h"
#include "fs/tree/file_tree.h"
#include "fs/tree/layer_builder.h"
#include "fs/tree/rootfs_builder.h"
#include "fs/tree/tree_outcomes.h"

namespace digestfs::fs {

/// The file trees of layers and images, built when they are first entered. The tree of a layer is
/// also kept in the cache, where a later mount finds it (fs/tree/kept_tree.h). A tree that has
/// nodes is kept as long as the mount, because the kernel may hold their numbers; its memory is
/// given back while nobody uses it (`FileNodes`). The trees of layers that only go into a rootfs
/// are dropped once it is there; before that, the oldest first beyond a bound, and all of them once
/// nobody has used them for long (`TreeOutcomes`). Safe for concurrent use; throws `Pending` for
/// what is not there yet (base/flight.h).
class BuiltTrees {
 public:
  /// How much memory the trees may take that no node shows.
  static constexpr std::size_t kMaxSpareBytes = std::size_t{128} << 20U;

  /// `most_spare` bounds the memory of the trees that no node shows, in bytes.
  BuiltTrees(cache::Content& content, cache::Problems& problems, Inodes& inodes, Workers& workers,
             AbsoluteLinks links, std::size_t most_spare = kMaxSpareBytes)
      : content_(content),
        problems_(problems),
        inodes_(inodes),
        links_(links),
        outcomes_(std::make_shared<TreeOutcomes>(most_spare)),
        flights_(workers) {
    inodes.tidy_also(outcomes_);
  }

  /// Returns the files of the layer `diff`. Throws `Errc::corrupt` if it is no valid tar.
  [[nodiscard]] const FileNodes& layer(const Digest& diff, const Patience& patience);
  /// Returns the files of the layer `diff` if they were entered already, or null. Asks nobody.
  [[nodiscard]] const FileNodes* known_layer(const Digest& diff) const;
  /// Returns these layers merged, the base first. Problem records name `path`.
  [[nodiscard]] const FileNodes& rootfs(const std::string& path, const std::vector<Digest>& diffs,
                                        const Patience& patience);

 private:
  using TreePointer = TreeOutcomes::TreePointer;
  using Outcome = TreeOutcomes::Outcome;

  /// The nodes of one tree, which are made once.
  struct NodesOfTree {
    /// Held while they are made. Nothing waits for I/O under it.
    std::mutex making;
    /// Synchronises itself: null until they are made.
    std::atomic<const FileNodes*> made{nullptr};
  };

  class Observer;

  [[nodiscard]] TreePointer layer_files(const Digest& diff, const Patience& patience);
  [[nodiscard]] std::vector<TreePointer> all_layer_files(const std::vector<Digest>& diffs,
                                                         const Patience& patience);
  [[nodiscard]] TreePointer known(const std::string& key) const;
  void settle(const std::string& key, Outcome outcome);
  void load_layer(const Digest& diff, const Patience& patience);
  void load_kept(const Digest& diff, int file, std::uint64_t tar_size);
  void finish_layer(const Digest& diff, std::uint64_t tar_size, LayerBuilder& builder,
                    const std::exception_ptr& failure);
  void read_layer(const std::shared_ptr<const cache::VerifiedFile>& tar,
                  const std::stop_token& stop);
  void merge(const std::string& key, const std::string& path,
             const std::vector<TreePointer>& layers, const std::stop_token& stop);
  void report(const std::string& path, const Findings& findings);
  void report_failure(const std::string& path, const Outcome& outcome);
  [[nodiscard]] const FileNodes* known_nodes(const std::string& key) const;
  [[nodiscard]] const FileNodes& nodes(const std::string& key, const TreePointer& tree,
                                       const std::string& path, std::vector<Digest> diffs,
                                       LayerFact layer_fact);

  // Constant after construction.
  cache::Content& content_;
  cache::Problems& problems_;
  Inodes& inodes_;
  AbsoluteLinks links_;
  std::shared_ptr<TreeOutcomes> outcomes_;  ///< shared with who tidies
  // Synchronise themselves.
  Flights flights_;
  // Guarded by the locks they live in.
  Guarded<std::unordered_map<std::string, NodesOfTree>> nodes_;
  /// The layers whose kept tree was found to be of no use; it may be there still.
  Guarded<std::unordered_set<Digest>> useless_;
};

}  // namespace digestfs::fs
