// SPDX-License-Identifier: Apache-2.0
// What it costs to open, read and release a file of a tree, of which a rootfs has thousands.

#include <array>
#include <cstddef>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "fs/fuse/open_files.h"
#include "tests/support/costs.h"
#include "tests/support/served.h"

namespace digestfs::fs {
namespace {

using test::Costs;
using test::Served;

/// The directory of a rootfs of two layers that has nothing but small files.
class SmallFiles : public testing::Test {
 protected:
  static constexpr int kFiles = 100;

  SmallFiles() {
    std::vector<test::TarEntry> lower;
    std::vector<test::TarEntry> upper;
    for (int i = 0; i < kFiles; ++i) {
      (i % 2 == 0 ? lower : upper).push_back({.name = name(i), .content = content(i)});
    }
    const auto image = add_image(set_, {test::gzip_layer(lower), test::gzip_layer(upper)});
    set_.tag("v1", image.manifest);
    served_.mount(set_);
    find_nodes();
  }

  static std::string name(int file) { return "d/" + std::to_string(file); }
  static std::string content(int file) { return "content of " + std::to_string(file); }

  void find_nodes() {
    nodes_.clear();
    for (int i = 0; i < kFiles; ++i) {
      const auto inode = served_.entry("tags/v1/rootfs/" + name(i)).nodeid;
      nodes_.push_back(&dynamic_cast<const File&>(served_.node(inode)));
    }
  }

  /// Opens, reads and releases each file, as the answers to OPEN, READ and RELEASE do; returns what
  /// that cost.
  Costs read_all() {
    const Costs before = Costs::so_far();
    for (const File* node : nodes_) {
      const auto handle = files_.keep(node->open(Patience::unlimited()));
      const Opened reading = OpenFiles::at(handle);
      got_ += reading.read(buffer_, 0, Patience::unlimited());
      files_.release(handle);
    }
    const Costs after = Costs::so_far();
    return {after.allocations - before.allocations, after.locks - before.locks};
  }

  void expect_no_costs() {
    static_cast<void>(read_all());  // opens the tars
    got_ = 0;
    const Costs costs = read_all();
    EXPECT_EQ(costs.allocations, 0U);
    EXPECT_EQ(costs.locks, 0U);
    std::size_t expected = 0;
    for (int i = 0; i < kFiles; ++i) expected += content(i).size();
    EXPECT_EQ(got_, expected);
  }

  test::ObjectSet set_;
  Served served_;
  std::vector<const File*> nodes_;
  // Nothing is closed during the test.
  OpenFiles files_{std::chrono::hours(1)};
  std::array<std::byte, 1000> buffer_{};
  std::size_t got_ = 0;
};

TEST_F(SmallFiles, AreCountedRight) {
  const Costs before = Costs::so_far();
  std::mutex mutex;
  { const std::lock_guard lock(mutex); }
  const std::vector<int> allocated(1000);
  const Costs after = Costs::so_far();
  EXPECT_EQ(after.allocations - before.allocations, 1U);
  EXPECT_EQ(after.locks - before.locks, Costs::are_locks_counted() ? 1U : 0U);
}

TEST_F(SmallFiles, AreOpenedReadAndReleasedWithoutALockOrMemory) { expect_no_costs(); }

// Then their blocks are compared with the sums.
TEST_F(SmallFiles, AreSoInALaterMountToo) {
  served_.unmount();
  served_.mount(set_);
  find_nodes();
  expect_no_costs();
}

}  // namespace
}  // namespace digestfs::fs
