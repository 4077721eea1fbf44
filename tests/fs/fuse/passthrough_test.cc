// SPDX-License-Identifier: Apache-2.0
// Which open files the kernel reads by itself (FUSE passthrough), and what it is told of them.
#include "fs/fuse/passthrough.h"

#include <cerrno>
#include <cstring>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <linux/fuse.h>

#include "base/guarded.h"
#include "base/text.h"
#include "tests/fs/fuse/attributes_fixture.h"

namespace digestfs::fs {
namespace {

constexpr InodeNumber kInode = 7;
constexpr int kFile = 20;
constexpr int kOtherFile = 21;

/// A kernel that gives backings the numbers from 1 on, or refuses them.
class FakeBackings final : public Backings {
 public:
  explicit FakeBackings(int refusal = 0) : refusal_(refusal) {}

  Result open(int /*file*/) override {
    const auto numbers = numbers_.lock();
    ++numbers->asked;
    if (refusal_ != 0) return {.error = refusal_};
    numbers->open.insert(++numbers->last);
    return {.backing = numbers->last};
  }
  void close(int backing) noexcept override {
    EXPECT_EQ(numbers_.lock()->open.erase(backing), 1U) << backing << " was not open";
  }

  [[nodiscard]] std::set<int> open_ones() const { return numbers_.lock()->open; }
  [[nodiscard]] int asked() const { return numbers_.lock()->asked; }

 private:
  struct Numbers {
    int asked = 0;
    int last = 0;
    std::set<int> open;
  };
  int refusal_;
  Guarded<Numbers> numbers_;
};

TEST(Passthrough, OpensAWholeFileOnceItIsAllowed) {
  PassthroughState state;
  Passthrough passthrough(state);
  FakeBackings backings;
  EXPECT_EQ(passthrough.open(kInode, kFile, backings).way, Way::ask);
  EXPECT_NE(state.obstacle(), "");
  passthrough.allow();
  const auto opening = passthrough.open(kInode, kFile, backings);
  EXPECT_EQ(opening.way, Way::by_itself);
  EXPECT_EQ(backings.open_ones(), std::set<int>{opening.backing});
  EXPECT_TRUE(passthrough.is_used_for(kInode));
  EXPECT_EQ(state.obstacle(), "");
}

TEST(Passthrough, AsksForAPartOfAFile) {
  PassthroughState state;
  Passthrough passthrough(state);
  passthrough.allow();
  FakeBackings backings;
  EXPECT_EQ(passthrough.open(kInode, OpenFile::kNoFile, backings).way, Way::ask);
  EXPECT_EQ(backings.asked(), 0);
}

TEST(Passthrough, GivesAnInodeOneBackingUntilItsLastRelease) {
  PassthroughState state;
  Passthrough passthrough(state);
  passthrough.allow();
  FakeBackings backings;
  const auto first = passthrough.open(kInode, kFile, backings);
  const auto second = passthrough.open(kInode, kFile, backings);
  EXPECT_EQ(second.way, Way::by_itself);
  EXPECT_EQ(second.backing, first.backing);
  EXPECT_EQ(backings.asked(), 1);
  passthrough.release(kInode, first.way, backings);
  EXPECT_EQ(backings.open_ones().size(), 1U);
  passthrough.release(kInode, second.way, backings);
  EXPECT_TRUE(backings.open_ones().empty());
  EXPECT_FALSE(passthrough.is_used_for(kInode));
  EXPECT_EQ(passthrough.open(kInode, kFile, backings).way, Way::by_itself);
  EXPECT_EQ(backings.asked(), 2);
}

// What the disk refuses the kernel may drop, and then it reads something else from there: the
// daemon notices, the kernel does not. It refuses (EIO) to mix the two ways on one inode.
TEST(Passthrough, AsksForWhatIsNotOnTheDiskUntilItsLastRelease) {
  PassthroughState state;
  Passthrough passthrough(state);
  passthrough.allow();
  FakeBackings backings;
  const auto first = passthrough.open(kInode, OpenFile::kNotYet, backings);
  EXPECT_EQ(first.way, Way::ask_for_now);
  const auto second = passthrough.open(kInode, kFile, backings);
  EXPECT_EQ(second.way, Way::ask_for_now) << "it is on the disk now, but the first is still open";
  EXPECT_FALSE(passthrough.is_used_for(kInode));
  EXPECT_EQ(passthrough.open(kInode + 1, kOtherFile, backings).way, Way::by_itself);
  EXPECT_EQ(backings.asked(), 1);
  passthrough.release(kInode, first.way, backings);
  EXPECT_EQ(passthrough.open(kInode, kFile, backings).way, Way::ask_for_now);
  passthrough.release(kInode, second.way, backings);
  passthrough.release(kInode, Way::ask_for_now, backings);
  const auto last = passthrough.open(kInode, kFile, backings);
  EXPECT_EQ(last.way, Way::by_itself);
  // An object that was damaged, and fetched again.
  EXPECT_EQ(passthrough.open(kInode, OpenFile::kNotYet, backings).way, Way::impossible);
  passthrough.release(kInode, last.way, backings);
  EXPECT_EQ(backings.open_ones().size(), 1U) << "that of the other inode";
}

// The kernel refuses a second backing (EIO), and the old one may have wrong bytes (promise 2).
TEST(Passthrough, OpensNoNewFileBeforeTheOldOneIsClosed) {
  PassthroughState state;
  Passthrough passthrough(state);
  passthrough.allow();
  FakeBackings backings;
  const auto old = passthrough.open(kInode, kFile, backings);
  EXPECT_EQ(passthrough.open(kInode, kOtherFile, backings).way, Way::impossible);
  EXPECT_EQ(backings.asked(), 1);
  EXPECT_EQ(passthrough.open(kInode + 1, kOtherFile, backings).way, Way::by_itself);
  passthrough.release(kInode, old.way, backings);
  EXPECT_EQ(backings.open_ones().size(), 1U);
  EXPECT_EQ(passthrough.open(kInode, kOtherFile, backings).way, Way::by_itself);
}

TEST(Passthrough, IsOverForTheMountOnceTheKernelRefusesAFile) {
  for (const auto& [refusal, word] : std::vector<std::pair<int, std::string>>{
           {EPERM, "root"}, {ELOOP, "stacked"}, {EINVAL, "Invalid argument"}}) {
    PassthroughState state;
    Passthrough passthrough(state);
    passthrough.allow();
    FakeBackings backings(refusal);
    EXPECT_EQ(passthrough.open(kInode, kFile, backings).way, Way::ask);
    EXPECT_EQ(passthrough.open(kInode + 1, kOtherFile, backings).way, Way::ask);
    EXPECT_EQ(backings.asked(), 1);
    EXPECT_NE(state.obstacle().find(word), std::string::npos) << state.obstacle();
  }
}

TEST(Passthrough, LeavesNoBackingBehindWhenManyOpenAnInodeAtOnce) {
  PassthroughState state;
  Passthrough passthrough(state);
  passthrough.allow();
  FakeBackings backings;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 1000; ++round) {
        const auto opening = passthrough.open(kInode, kFile, backings);
        EXPECT_EQ(opening.way, Way::by_itself);
        EXPECT_TRUE(backings.open_ones().contains(opening.backing));
        passthrough.release(kInode, opening.way, backings);
      }
    });
  }
  threads.clear();
  EXPECT_TRUE(backings.open_ones().empty());
}

constexpr std::uint64_t kOffer = std::uint64_t{1} << 37U;  // FUSE_PASSTHROUGH

/// The field behind `flags2`, for which older headers have no name.
std::uint32_t stack_depth(const fuse_init_out& hello) {
  std::uint32_t depth = 0;
  std::memcpy(&depth, reinterpret_cast<const char*>(&hello.flags2) + sizeof hello.flags2,
              sizeof depth);
  return depth;
}

TEST(Hello, AsksForPassthroughIfTheKernelOffersIt) {
  const Fixture fixture;
  Served served;
  MountSettings settings;
  settings.kernel_flags = kOffer;
  served.mount(fixture.set, settings);
  const fuse_init_out& hello = served.kernel().hello();
  EXPECT_NE(hello.flags & FUSE_INIT_EXT, 0U);
  EXPECT_NE(hello.flags2 & (kOffer >> 32U), 0U);
  EXPECT_EQ(stack_depth(hello), 1U);
  EXPECT_NE(hello.flags & FUSE_PARALLEL_DIROPS, 0U);
}

TEST(Hello, DoesNotAskForWhatTheKernelDoesNotOffer) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  EXPECT_EQ(served.kernel().hello().flags2 & (kOffer >> 32U), 0U);
  EXPECT_EQ(stack_depth(served.kernel().hello()), 0U);
  EXPECT_NE(served.read(".digestfs/status.json").text.find("does not offer"), std::string::npos);
}

// A socket takes no backing: the kernel's refusal is no failure of the open.
TEST(Open, AnswersItselfWhereNoBackingIsTaken) {
  const Fixture fixture;
  Served served;
  MountSettings settings;
  settings.kernel_flags = kOffer;
  served.mount(fixture.set, settings);
  served.names("tags/v1");
  const auto opened = open_file_of(served, fixture.blob());
  EXPECT_EQ(opened.open_flags & (FOPEN_DIRECT_IO | 1U << 7U), 0U);
  EXPECT_EQ(digest_of(served.read(fixture.blob()).text), fixture.image.layers[0].digest);
  EXPECT_EQ(served.xattr(fixture.blob(), "user.digestfs.state"), "verified");
  const std::string status = served.read(".digestfs/status.json").text;
  EXPECT_NE(status.find("\"passthrough\": false"), std::string::npos) << status;
}

// Open files may read a damaged backing on; who opens the digest anew must not come to it.
TEST(Inodes, OfADigestAreReplacedUnderAllItsNames) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  served.names("tags/v1");
  const Digest& digest = fixture.image.layers[0].digest;
  const std::string text = served.read(fixture.blob()).text;
  const auto old = served.kernel().walk(fixture.blob());
  const auto attributes = served.attributes(fixture.blob());
  dynamic_cast<const File&>(served.node(old)).replace();
  const auto replaced = served.kernel().walk(fixture.blob());
  EXPECT_NE(replaced, old);
  EXPECT_EQ(served.kernel().walk(str_cat("oci/blobs/", digest.algorithm(), "/", digest.encoded())),
            replaced);
  EXPECT_EQ(served.read(fixture.blob()).text, text);
  EXPECT_EQ(served.attributes(fixture.blob()).size, attributes.size);
  // The old number still means what it meant.
  EXPECT_EQ(served.kernel().read_file(old).text, text);
  dynamic_cast<const File&>(served.node(replaced)).replace();
  EXPECT_NE(served.kernel().walk(fixture.blob()), replaced);
  EXPECT_NE(served.kernel().walk(fixture.blob()), old);
}

}  // namespace
}  // namespace digestfs::fs
