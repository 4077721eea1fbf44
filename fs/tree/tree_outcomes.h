// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/guarded.h"
#include "fs/inodes.h"
#include "fs/tree/file_tree.h"

namespace digestfs::fs {

/// What came of building trees. A tree that nobody else holds is spare: it is dropped if the spare
/// trees exceed a bound, and once nobody has used it for long. Safe for concurrent use.
class TreeOutcomes final : public Tidied {
 public:
  using TreePointer = std::shared_ptr<const FileTree>;

  /// The tree that was built, or why it cannot be: building it again would have the same result.
  struct Outcome {
    TreePointer tree;
    std::exception_ptr failure;
    bool is_kept = false;  ///< The cache has the tree, too.
  };

  /// `most_spare` bounds the memory of the spare trees, in bytes.
  explicit TreeOutcomes(std::size_t most_spare) : most_spare_(most_spare) {}

  /// Returns the tree of `key`, or null if none was built or it was dropped. Throws the failure if
  /// that is what came of it.
  [[nodiscard]] TreePointer find(const std::string& key);
  /// Keeps the outcome of `key`, unless there is one already.
  void add(const std::string& key, Outcome outcome);

  /// Drops the tree of `key` if it is spare, and the cache has it.
  void drop_if_kept(const std::string& key);
  /// Drops spare trees, the oldest first, until they fit.
  void drop_spare();
  /// Drops the spare trees that nobody has used for `FileNodes::kIdleTidyings` calls.
  void tidy() noexcept override;

 private:
  struct Kept {
    TreePointer tree;
    std::exception_ptr failure;
    bool is_kept = false;
    std::uint64_t number = 0;  ///< grows with each that is kept
    unsigned idle = 0;         ///< how often `tidy` was called since somebody used the tree

    [[nodiscard]] bool is_spare() const noexcept { return tree && tree.use_count() == 1; }
  };
  struct Table {
    std::unordered_map<std::string, Kept> outcomes;
    std::uint64_t last_number = 0;
  };

  // Constant after construction.
  std::size_t most_spare_;
  // Guarded by the lock it lives in.
  Guarded<Table> table_;
};

}  // namespace digestfs::fs
