// SPDX-License-Identifier: Apache-2.0
#include "fs/tree/tree_entrance.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "archive/tar_reader.h"
#include "base/file.h"
#include "fs/tree/layer_builder.h"
#include "tests/cache/content_fixture.h"
#include "tests/support/block_count.h"
#include "tests/support/image_builder.h"

namespace digestfs::fs {
namespace {

std::shared_ptr<const FileTree> tree_of(const std::string& tar) {
  LayerBuilder builder;
  archive::TarReader reader(builder);
  reader.write(as_bytes(tar));
  reader.finish();
  return std::make_shared<const FileTree>(builder.finish());
}

// Whoever comes second would leave a block that nobody uses for as long as the mount.
TEST(TreeEntrance, MakesTheDirectoriesOnceIfAnotherEntersMeanwhile) {
  const test::TemporaryDirectory directory;
  test::MemorySource source;
  cache::Mount mount(directory.path() / "cache", source);
  Inodes inodes;
  const auto& files = *inodes.add_block<FileNodes>([&](InodeNumber first) {
    return std::make_unique<const FileNodes>(first, tree_of(test::tar({{.name = "f"}})), "path",
                                             std::vector<Digest>{digest_of("x")}, mount.content,
                                             mount.problems, LayerFact::hide);
  });
  const auto patience = Patience::unlimited();
  const TreeEntrance* entrance = nullptr;
  std::optional<Entry> others;
  bool is_first = true;
  const auto enter = [&](const Patience& /*patience*/) -> const FileNodes& {
    // The first who enters waits here; the second does not.
    if (std::exchange(is_first, false)) others = entrance->lookup("f", patience);
    return files;
  };
  entrance = inodes.intern<TreeEntrance>("entrance", inodes, enter, Timestamp{});
  const auto entry = entrance->lookup("f", patience);
  ASSERT_TRUE(entry);
  ASSERT_TRUE(others);
  EXPECT_EQ(entry->node, others->node);
  EXPECT_EQ(test::blocks(inodes), 2U);
}

}  // namespace
}  // namespace digestfs::fs
