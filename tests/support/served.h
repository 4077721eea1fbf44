// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <linux/fuse.h>

#include "base/workers.h"
#include "cache/content.h"
#include "cache/problems.h"
#include "cache/store.h"
#include "cache/tags.h"
#include "fs/place/place.h"
#include "fs/repository/repository.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/image_builder.h"
#include "tests/support/memory_repositories.h"
#include "tests/support/memory_source.h"
#include "tests/support/mounted.h"

namespace digestfs::test {

/// What a mount is told, with values that suit most tests: linux/amd64, tags believed for a minute,
/// no bound that anything reaches.
struct MountSettings {
  MountSettings();

  fs::Selection selection;
  cache::Network network = cache::Network::allowed;
  cache::StoreLimits limits;
  std::size_t downloads = 4;
  /// Further flags that the kernel offers in INIT.
  std::uint64_t kernel_flags = 0;
};

/// A line of `.digestfs/problems.jsonl`. What it does not say is empty.
struct ProblemLine {
  std::string time;
  std::string kind;
  std::string object;
  std::string promised;
  std::optional<std::uint64_t> promised_size;
  std::string actual;
  std::optional<std::uint64_t> actual_size;
  std::string detail;
  std::string source;
};

/// A source, a cache folder, and a tree that shows the one through the other to a kernel that is
/// none: everything as digestfs(1) puts it together. The tree can be mounted again over the same
/// cache.
class Served {
 public:
  Served();
  ~Served();
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  /// What stands in the registry; add to it before or after mounting.
  MemorySource source;

  /// Greets the source as the program does, and mounts; unmounts first what was mounted.
  void mount(const MountSettings& settings = {});
  void mount(const ObjectSet& objects, const MountSettings& settings = {});
  /// Mounts a place of many repositories instead.
  void mount(std::shared_ptr<MemoryRepositories> place, const MountSettings& settings = {});
  void unmount();

  [[nodiscard]] FakeKernel& kernel();
  [[nodiscard]] std::filesystem::path cache() const;
  /// Where the cache keeps `digest`, `area` being `blobs` or `diffs`.
  [[nodiscard]] std::filesystem::path cached(const std::string& area, const Digest& digest) const;

  /// The node with this number.
  [[nodiscard]] const fs::Node& node(std::uint64_t inode) const;

  // Paths from the root, without following links.

  /// The errno of looking `path` up; 0 where it is there, ENOENT also where its absence may be
  /// remembered.
  int error_of(const std::string& path);
  [[nodiscard]] bool exists(const std::string& path);
  /// The errno that listing the directory `path` ends with.
  int error_of_listing(const std::string& path);
  fuse_entry_out entry(const std::string& path);
  std::string link(const std::string& path);
  std::set<std::string> names(const std::string& path);
  FakeKernel::Content read(const std::string& path);
  fuse_attr attributes(const std::string& path);
  std::optional<std::string> xattr(const std::string& path, const std::string& name);
  std::set<std::string> xattr_names(const std::string& path);
  /// Where the link at `path` leads, as a path from the root.
  std::string target(const std::string& path);

  /// The lines of `.digestfs/problems.jsonl`, of one kind or of all.
  std::vector<ProblemLine> problems(std::string_view kind = {});
  /// Fails the test where the cache holds a file that does not hash to its name.
  void expect_sound_cache() const;

 private:
  struct Mount;

  TemporaryDirectory directory_;
  std::unique_ptr<Mount> mount_;
};

}  // namespace digestfs::test
