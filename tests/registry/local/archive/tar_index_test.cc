// SPDX-License-Identifier: Apache-2.0
#include "registry/local/archive/tar_index.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "tests/registry/local/local_fixture.h"
#include "tests/support/tar_builder.h"

namespace digestfs::registry {
namespace {

using archive::TarEntry;
using archive::TarType;
using test::failure_of;
using test::mentions;
using test::names_of;
using Names = std::vector<std::string>;

TarEntry file(const std::string& name, std::uint64_t offset, std::uint64_t size = 1) {
  TarEntry entry;
  entry.type = TarType::file;
  entry.name = name;
  entry.offset = offset;
  entry.size = size;
  return entry;
}

TarEntry link(TarType type, const std::string& name, const std::string& target) {
  TarEntry entry;
  entry.type = type;
  entry.name = name;
  entry.link = target;
  return entry;
}

/// Where the member that `name` leads to begins; 0 if there is none.
std::uint64_t at(const TarIndex& index, const std::string& name) {
  const auto found = index.look_up(name);
  EXPECT_EQ(found.member.has_value(), found.reason.empty()) << name;
  return found.member ? found.member->offset : 0;
}

TEST(TarIndex, FindsAMemberHoweverItsNameIsSpelled) {
  TarIndex index;
  index.take(file("./blobs//sha256/a", 512, 7));
  for (const char* name : {"blobs/sha256/a", "./blobs/sha256/a", "x/../blobs/sha256/./a"}) {
    EXPECT_EQ(at(index, name), 512U) << name;
  }
  EXPECT_EQ(index.find("blobs/sha256/a")->size, 7U);
  EXPECT_FALSE(index.find("blobs/sha256"));
  EXPECT_FALSE(index.find("a"));
  EXPECT_TRUE(mentions(index.look_up("a").reason, "no file a"));
}

TEST(TarIndex, S2KeepsTheFirstOfSeveralMembersOfOneName) {  // as skopeo does
  TarIndex index;
  index.take(file("a", 512));
  index.take(file("./a", 1024));
  EXPECT_EQ(at(index, "a"), 512U);
}

TEST(TarIndex, S2FollowsLinksBetweenMembers) {  // LOC-2
  TarIndex index;
  index.take(link(TarType::symlink, "id/layer.tar", "../first.tar"));
  index.take(link(TarType::symlink, "id/again", "layer.tar"));
  index.take(link(TarType::hardlink, "id/hard", "first.tar"));
  index.take(file("first.tar", 512));
  for (const char* name : {"id/layer.tar", "id/again", "id/hard"}) {
    EXPECT_EQ(at(index, name), 512U) << name;
  }
}

TEST(TarIndex, S2NeverFollowsALinkOutOfTheArchive) {
  TarIndex index;
  index.take(file("etc/shadow", 512));
  index.take(link(TarType::symlink, "a", "../../etc/shadow"));
  index.take(link(TarType::symlink, "b/c", "../../etc/shadow"));
  index.take(link(TarType::symlink, "d", "/etc/shadow"));
  index.take(link(TarType::hardlink, "e", "/etc/shadow"));
  index.take(link(TarType::hardlink, "f/g", "../etc/shadow"));
  index.take(link(TarType::symlink, "h", ""));
  for (const std::string name : {"a", "b/c", "d", "e", "f/g", "h"}) {
    EXPECT_FALSE(index.find(name)) << name;
    EXPECT_TRUE(mentions(index.look_up(name).reason, "leads out of the archive")) << name;
  }
}

TEST(TarIndex, S2EndsWhereLinksLeadInACircle) {
  TarIndex index;
  index.take(link(TarType::symlink, "a", "b"));
  index.take(link(TarType::symlink, "b", "a"));
  index.take(link(TarType::symlink, "self", "self"));
  EXPECT_TRUE(mentions(index.look_up("a").reason, "too many links"));
  EXPECT_TRUE(mentions(index.look_up("self").reason, "too many links"));
}

TEST(TarIndex, S2LeavesOutMembersThatLeadOutOfTheArchive) {
  TarIndex index;
  const Names bad = {"../a", "/a", "a/../../b", "..", ".", ""};
  for (const std::string& name : bad) index.take(file(name, 512));
  index.take(file("good", 1024));
  EXPECT_EQ(names_of(index.left_out()), bad);
  for (const std::string& name : bad) EXPECT_FALSE(index.find(name)) << name;
  EXPECT_FALSE(index.find("a"));
  EXPECT_EQ(at(index, "good"), 1024U);
}

TEST(TarIndex, HasNothingButFiles) {
  TarIndex index;
  for (const TarType type : {TarType::directory, TarType::fifo, TarType::character_device,
                             TarType::block_device, TarType::other}) {
    TarEntry entry = file("a", 512);
    entry.type = type;
    index.take(std::move(entry));
  }
  EXPECT_FALSE(index.find("a"));
}

TEST(TarIndex, TellsASparseFileFromOneThatIsAbsent) {
  TarIndex index;
  TarEntry sparse = file("a", 512);
  sparse.sparse = true;
  index.take(std::move(sparse));
  index.take(file("b", 1024));
  ASSERT_TRUE(index.find("a"));
  EXPECT_TRUE(index.find("a")->sparse);
  EXPECT_FALSE(index.find("b")->sparse);
  EXPECT_TRUE(index.left_out().empty());
}

TEST(TarIndex, BoundsNames) {
  TarIndex index;
  index.take(file(std::string(4096, 'a'), 512));
  index.take(file(std::string(4097, 'b'), 512));
  index.take(link(TarType::symlink, "c", std::string(4097, 'd')));
  EXPECT_TRUE(index.find(std::string(4096, 'a')));
  EXPECT_FALSE(index.find(std::string(4097, 'b')));
  EXPECT_FALSE(index.find("c"));
  EXPECT_EQ(index.left_out().size(), 2U);
  const auto failure = failure_of([&] {
    for (int i = 0;; ++i) index.take(file(str_cat(i, "/", std::string(4000, 'a')), 512));
  });
  EXPECT_EQ(failure.code, Errc::too_large);
  EXPECT_TRUE(mentions(failure.text, "names")) << failure.text;
}

TEST(TarIndex, TakesAHundredThousandMembersButNotAnyNumber) {
  TarIndex index;
  for (std::uint64_t i = 0; i < 100'000; ++i) index.take(file(str_cat("file", i), 512 * (i + 1)));
  EXPECT_EQ(at(index, "file99999"), 512U * 100'000U);
  const auto failure = failure_of([&] {
    for (;;) index.take(file("same", 512));
  });
  EXPECT_EQ(failure.code, Errc::too_large);
  EXPECT_TRUE(mentions(failure.text, "500000 members")) << failure.text;
}

TEST(TarIndex, CountsWhatItLeavesOutBeyondAThousand) {
  TarIndex index;
  for (int i = 0; i < 1500; ++i) index.take(file(str_cat("../", i), 512));
  ASSERT_EQ(index.left_out().size(), 1000U);
  EXPECT_TRUE(mentions(index.left_out().back().reason, "501 further"));
}

}  // namespace
}  // namespace digestfs::registry
