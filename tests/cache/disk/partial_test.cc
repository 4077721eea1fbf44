// SPDX-License-Identifier: Apache-2.0
#include "cache/disk/partial.h"

#include <chrono>
#include <cstdint>
#include <future>
#include <string>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "cache/store.h"
#include "tests/support/cache_folder.h"
#include "tests/support/child.h"

namespace {

// Up to where a file is known to be on the disk, its size and times apart.
std::int64_t synced_to = 0;
// The descriptor of the partial file, and whether one that shares its errors was waited for.
int partial_fd = -1;
bool are_errors_lost = false;

}  // namespace

/// Takes the place of the C library's function, and looks at what is asked of the kernel.
extern "C" int sync_file_range(int fd, off_t offset, off_t count, unsigned flags) {
  if ((flags & SYNC_FILE_RANGE_WAIT_AFTER) != 0) synced_to = offset + count;
  if (partial_fd >= 0) {
    // What shares its position is the same open file.
    const off_t before = ::lseek(partial_fd, 0, SEEK_CUR);
    ::lseek(fd, before + 1, SEEK_SET);
    are_errors_lost = are_errors_lost || ::lseek(partial_fd, 0, SEEK_CUR) != before;
    ::lseek(partial_fd, before, SEEK_SET);
  }
  return static_cast<int>(::syscall(SYS_sync_file_range, fd, offset, count, flags));
}

namespace digestfs::cache {
namespace {

namespace fs = std::filesystem;
using test::Child;
using test::content;
using test::keep;
using test::partial_of;
using test::plant;
using test::put_in_the_way;
using test::Signal;

using PartialTest = test::CacheFolder;

TEST_F(PartialTest, FindsInAPartialWhatAnEarlierOneLeft) {
  const Store store(path(), {});
  const Digest digest = digest_of("content");
  {
    Partial partial = store.take_partial(digest, {});
    EXPECT_EQ(partial.size(), 0U);
    partial.write(as_bytes("cont"));
  }
  Partial again = store.take_partial(digest, {});
  EXPECT_EQ(again.size(), 4U);
  EXPECT_EQ(read_rest(again.fd(), 100), "cont");
  again.truncate();
  EXPECT_EQ(again.size(), 0U);
  again.write(as_bytes("content"));
  store.publish(std::move(again), Area::blobs, digest);
  EXPECT_EQ(content(store, Area::blobs, digest), "content");
}

TEST_F(PartialTest, DiscardsAPartial) {
  const Store store(path(), {});
  const Digest digest = digest_of("content");
  Partial partial = store.take_partial(digest, {});
  partial.write(as_bytes("bad"));
  store.discard(std::move(partial));
  EXPECT_EQ(store.take_partial(digest, {}).size(), 0U);
}

TEST_F(PartialTest, LetsOnlyOneHaveAPartial) {
  const Store one(path(), {});
  const Store two(path(), {});
  const Digest digest = digest_of("content");
  std::stop_source at_once;
  at_once.request_stop();
  {
    Partial mine = one.take_partial(digest, {});
    mine.write(as_bytes("half"));
    EXPECT_THROW(static_cast<void>(two.take_partial(digest, at_once.get_token())), Error);
  }
  EXPECT_EQ(two.take_partial(digest, at_once.get_token()).size(), 4U);
}

TEST_F(PartialTest, StopsWaitingForAPartial) {
  const Store one(path(), {});
  const Store two(path(), {});
  const Digest digest = digest_of("content");
  Partial mine = one.take_partial(digest, {});
  std::stop_source stop;
  auto theirs = std::async(std::launch::async, [&]() -> std::optional<Errc> {
    try {
      static_cast<void>(two.take_partial(digest, stop.get_token()));
    } catch (const Error& error) {
      return error.code();
    }
    return std::nullopt;
  });
  stop.request_stop();
  EXPECT_EQ(theirs.get(), Errc::interrupted);
}

TEST_F(PartialTest, LeavesAPartialToOthersWhenItsOwnerIsKilled) {
  const Store store(path(), {});
  const Digest digest = digest_of("content");
  Signal written;
  Child child([&] {
    Partial partial = store.take_partial(digest, {});
    partial.write(as_bytes("cont"));
    written.give();
    ::pause();
  });
  written.await();
  child.kill();
  EXPECT_FALSE(store.open(Area::blobs, digest));
  Partial partial = store.take_partial(digest, {});
  EXPECT_EQ(read_rest(partial.fd(), 100), "cont");
}

TEST_F(PartialTest, IsTakenAgainWhereItCouldNotBePublished) {
  const Digest digest = digest_of("content");
  fs::create_directories(path() / "blobs/sha256");
  fs::permissions(path() / "blobs/sha256", fs::perms::owner_read | fs::perms::owner_exec);
  Child child([&] {
    become_nobody({path(), path() / "blobs", path() / "blobs/sha256"});
    const Store store(path(), {});
    Partial partial = partial_of(store, "content", "content");
    try {
      store.publish(std::move(partial), Area::blobs, digest);
      ::_exit(1);
    } catch (const std::system_error&) {
    }
    fs::permissions(path() / "blobs/sha256", fs::perms::owner_all);
    Partial again = store.take_partial(digest, {});
    if (again.size() != 7) ::_exit(2);
    store.publish(std::move(again), Area::blobs, digest);
  });
  EXPECT_EQ(child.join(), 0);
  EXPECT_EQ(test::slurp(path("blobs", digest)), "content");
}

TEST_F(PartialTest, IsTheFileThatHasTheNameAfterAWait) {
  const Store one(path(), {});
  const Store two(path(), {});
  const Digest digest = digest_of("content");
  Partial mine = one.take_partial(digest, {});
  PartialClaim theirs = two.claim(digest);
  EXPECT_FALSE(theirs.poll());
  mine.write(as_bytes("content"));
  one.publish(std::move(mine), Area::blobs, digest);
  // Not the published file, which must never be written to again.
  const auto taken = theirs.poll();
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->size(), 0U);
  EXPECT_EQ(content(two, Area::blobs, digest), "content");
}

// Promise 5: another process that was stopped (SIGSTOP), say, holds up nobody.
TEST_F(PartialTest, IsAFileOfItsOwnWhereTheHolderDoesNothing) {
  const Store one(path(), {});
  const Store two(path(), {.idle = std::chrono::milliseconds(1)});
  const Digest digest = digest_of("content");
  Partial mine = partial_of(one, "content", "cont");
  Partial theirs = two.take_partial(digest, {});
  EXPECT_NE(theirs.path(), mine.path());
  EXPECT_EQ(theirs.size(), 0U);
  theirs.write(as_bytes("content"));
  two.publish(std::move(theirs), Area::blobs, digest);
  EXPECT_EQ(content(two, Area::blobs, digest), "content");
  // The holder wakes up.
  mine.write(as_bytes("ent"));
  one.publish(std::move(mine), Area::blobs, digest);
  EXPECT_EQ(content(one, Area::blobs, digest), "content");
  EXPECT_TRUE(fs::is_empty(path() / "partial/sha256"));
}

TEST_F(PartialTest, IsWaitedForAsLongAsItGrows) {
  const Store one(path(), {});
  const Store two(path(), {.idle = std::chrono::milliseconds(1)});
  Partial mine = partial_of(one, "content", "c");
  PartialClaim theirs = two.claim(digest_of("content"));
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(theirs.poll());
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    mine.write(as_bytes("x"));
  }
}

TEST_F(PartialTest, IsTakenWhereSomethingElseHasTheName) {
  const Store store(path(), {});
  for (const char* what : {"folder", "full folder", "link", "fifo"}) {
    put_in_the_way(path("partial", digest_of(what)), what);
    EXPECT_EQ(keep(store, what), digest_of(what));
    EXPECT_EQ(content(store, Area::blobs, digest_of(what)), what);
  }
}

TEST_F(PartialTest, LeavesAFileThatALinkPointsTo) {
  const Store store(path(), {});
  plant(directory_.path() / "elsewhere", "precious");
  fs::create_directories(path() / "partial/sha256");
  fs::create_symlink(directory_.path() / "elsewhere", path("partial", digest_of("content")));
  static_cast<void>(keep(store, "content"));
  EXPECT_EQ(test::slurp(directory_.path() / "elsewhere"), "precious");
}

TEST_F(PartialTest, OfThisProcessAloneHasNoNameBeforeItIsPublished) {
  const Store store(path(), {.free_percent = 0});
  const Digest digest = digest_of("content");
  Partial own = store.make_own(digest);
  if (!own.is_unnamed()) GTEST_SKIP() << "not on this file system";
  own.write(as_bytes("content"));
  store.tidy();
  EXPECT_FALSE(fs::exists(path() / own.path()));
  own.write_out();
  const Fingerprint named = store.publish(std::move(own), Area::diffs, digest);
  EXPECT_EQ(test::slurp(path("diffs", digest)), "content");
  EXPECT_EQ(named, Fingerprint::of(store.open(Area::diffs, digest)->get()));
  EXPECT_TRUE(fs::is_empty(path() / "partial/sha256"));
  store.discard(store.make_own(digest));
}

TEST_F(PartialTest, HasANameThatTellsWhoseItIs) {
  const std::string hex(digest_of("content").encoded());
  EXPECT_TRUE(is_partial_name("sha256", hex));
  EXPECT_TRUE(is_partial_name("sha256", hex + ".12.3"));
  EXPECT_FALSE(is_own_partial_name(hex));
  EXPECT_TRUE(is_own_partial_name(hex + ".12.3"));
  for (const char* suffix : {".12", ".", "..", ".12.", ".a.3", ".12.3.4", ".aside", ".aside.1"}) {
    EXPECT_FALSE(is_partial_name("sha256", hex + suffix)) << suffix;
  }
}

// What a slow disk has to take at the end delays the end of the program.
TEST_F(PartialTest, IsWrittenOutStepByStep) {
  const Store store(path(), {});
  const std::string step(std::size_t{1} << 20U, 'x');
  Partial partial = store.take_partial(digest_of("content"), {});
  synced_to = 0;
  constexpr int kSteps = 64;
  for (int i = 0; i < kSteps; ++i) partial.write(as_bytes(step));
  EXPECT_GE(synced_to, std::int64_t{kSteps - 16} << 20U);
}

// The kernel tells each open file once that the disk has refused something. Whoever waits step by
// step was told, and did not care; fdatasync then said that all is well.
TEST_F(PartialTest, IsToldInTheEndWhatTheDiskRefused) {
  const Store store(path(), {});
  const std::string step(std::size_t{1} << 20U, 'x');
  Partial partial = store.take_partial(digest_of("content"), {});
  synced_to = 0;
  partial_fd = partial.fd();
  for (int i = 0; i < 32; ++i) partial.write(as_bytes(step));
  partial_fd = -1;
  EXPECT_GT(synced_to, 0);
  EXPECT_FALSE(are_errors_lost);
}

}  // namespace
}  // namespace digestfs::cache
