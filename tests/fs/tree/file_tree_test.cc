// SPDX-License-Identifier: Apache-2.0
// A tree that was moved out answers as it did before.

#include "fs/tree/file_tree.h"

#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "archive/tar_reader.h"
#include "base/file.h"
#include "base/text.h"
#include "fs/tree/layer_builder.h"
#include "fs/tree/rootfs_builder.h"
#include "tests/support/image_builder.h"
#include "tests/support/mounted.h"
#include "tests/support/resident.h"
#include "tests/support/tar_builder.h"
#include "tests/support/tree_text.h"

namespace digestfs::fs {
namespace {

using test::tree_text;

std::string long_name(std::size_t number) { return str_cat(std::string(85, 'x'), number); }

/// A tar of files of each kind, and of so many more that their tree is `is_large` or not.
std::string tar_of(bool is_large) {
  std::vector<test::TarEntry> entries{
      {.name = "d/", .type = '5', .mode = 0711},          {.name = "d/f", .content = "content"},
      {.name = "d/h", .type = '1', .link = "d/f"},        {.name = "l", .type = '2', .link = "d/f"},
      {.name = "broken", .type = '1', .link = "missing"}, {.name = "p", .type = '6'}};
  // Each takes 68 bytes and its name, which is as long as a tar's header has room for.
  const std::size_t count = is_large ? TreeArrays::kLeastPageable / 150 : 10;
  for (std::size_t i = 0; i < count; ++i) {
    entries.push_back({.name = str_cat("many/", long_name(i)), .content = str_cat(i)});
  }
  return test::tar(entries);
}

FileTree tree_of(const std::string& tar) {
  LayerBuilder builder;
  archive::TarReader reader(builder);
  reader.write(as_bytes(tar));
  reader.finish();
  return builder.finish();
}

class FileTreeTest : public testing::Test {
 protected:
  PageableBytes::MakeFile make_file() {
    return [this](std::uint64_t bytes) {
      EXPECT_GE(bytes, TreeArrays::kLeastPageable);
      ++files_;
      return open_file(AT_FDCWD, directory_.path(), O_TMPFILE | O_RDWR, 0600);
    };
  }

  test::TemporaryDirectory directory_;
  int files_ = 0;
};

TEST_F(FileTreeTest, IsTheSameAfterItCameBack) {
  const FileTree tree = tree_of(tar_of(true));
  const auto before = tree_text(tree);
  const auto records = std::as_bytes(tree.files());
  for (int i = 0; i < 2; ++i) {
    tree.tidy(1, make_file());
    EXPECT_EQ(test::resident(records), 0U);
    EXPECT_EQ(test::resident(std::as_bytes(tree.names())), 0U);
    tree.use();
    EXPECT_EQ(tree_text(tree), before);
    EXPECT_GT(test::resident(records), 0U);
  }
  EXPECT_EQ(files_, 1);
  const auto many = tree.find(FileTree::kRoot, "many");
  ASSERT_TRUE(many);
  EXPECT_EQ(tree.file(tree.find(*many, long_name(1234)).value()).size, 4U);
  EXPECT_FALSE(tree.find(*many, "x"));
  EXPECT_EQ(tree.link_target(tree.file(tree.find(FileTree::kRoot, "l").value())), "d/f");
}

// A layer that is shown by itself goes into a rootfs later.
TEST_F(FileTreeTest, IsMergedAfterItCameBack) {
  const auto merged = [](const FileTree& tree) {
    RootfsBuilder builder;
    builder.apply(tree);
    return tree_text(builder.finish(AbsoluteLinks::keep));
  };
  const FileTree tree = tree_of(tar_of(true));
  const auto before = merged(tree);
  tree.tidy(1, make_file());
  tree.use();
  EXPECT_EQ(merged(tree), before);
}

TEST_F(FileTreeTest, IsTheSameAsAnotherObject) {
  for (const bool is_large : {false, true}) {
    FileTree tree = tree_of(tar_of(is_large));
    const auto before = tree_text(tree);
    const FileTree moved = std::move(tree);
    EXPECT_EQ(tree_text(moved), before);
  }
}

TEST_F(FileTreeTest, StaysInMemoryIfItIsSmall) {
  const FileTree tree = tree_of(tar_of(false));
  const auto before = tree_text(tree);
  tree.tidy(1, make_file());
  EXPECT_EQ(files_, 0);
  EXPECT_EQ(tree_text(tree), before);
}

TEST_F(FileTreeTest, StaysInMemoryIfThereIsNoFile) {
  const FileTree tree = tree_of(tar_of(true));
  const auto before = tree_text(tree);
  const auto fail = [](std::uint64_t /*bytes*/) -> UniqueFd {
    throw std::system_error(ENOSPC, std::generic_category(), "no room");
  };
  EXPECT_THROW(tree.tidy(1, fail), std::system_error);
  EXPECT_THROW(
      tree.tidy(1,
                [](std::uint64_t /*bytes*/) { return open_file(AT_FDCWD, "/dev/full", O_RDWR); }),
      std::system_error);
  EXPECT_GT(test::resident(std::as_bytes(tree.files())), 0U);
  EXPECT_EQ(tree_text(tree), before);
}

}  // namespace
}  // namespace digestfs::fs
