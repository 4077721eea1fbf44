// SPDX-License-Identifier: Apache-2.0
#include "cache/store.h"

#include <array>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "tests/support/cache_folder.h"
#include "tests/support/child.h"
#include "tests/support/image_builder.h"

namespace digestfs::cache {
namespace {

namespace fs = std::filesystem;
using test::Child;
using test::content;
using test::keep;
using test::mode_of;
using test::partial_of;
using test::plant;
using test::put_in_the_way;
using test::Signal;

using StoreTest = test::CacheFolder;

TEST_F(StoreTest, MarksTheFolderAsACache) {
  const Store store(path(), {});
  // https://bford.info/cachedir/: the file begins with exactly this.
  const std::string expected = "Signature: 8a477f597d28d172789f06886806bc55";
  EXPECT_EQ(test::slurp(path() / "CACHEDIR.TAG").substr(0, expected.size()), expected);
}

TEST_F(StoreTest, UsesAFolderThatIsThere) {
  const Digest digest = keep(Store(path(), {}), "content");
  EXPECT_EQ(content(Store(path(), {}), Area::blobs, digest), "content");
}

TEST_F(StoreTest, OpensWhatWasPublishedAndNothingElse) {
  const Store store(path(), {});
  const Digest digest = digest_of("content");
  EXPECT_FALSE(store.open(Area::blobs, digest));
  Partial partial = store.take_partial(digest, {});
  partial.write(as_bytes("content"));
  EXPECT_FALSE(store.open(Area::blobs, digest)) << "visible before it was published";
  store.publish(std::move(partial), Area::blobs, digest);
  EXPECT_EQ(content(store, Area::blobs, digest), "content");
  EXPECT_FALSE(store.open(Area::diffs, digest)) << "the areas are two";
  EXPECT_EQ(mode_of(path("blobs", digest)), 0444U);
  EXPECT_FALSE(fs::exists(path("partial", digest)));
}

TEST_F(StoreTest, PublishesUnderAnotherNameThanItWasBegunUnder) {
  const Store store(path(), {});
  const Digest promised = digest_of("promised");
  const Digest actual = digest_of("actual");
  Partial partial = store.take_partial(promised, {});
  partial.write(as_bytes("actual"));
  store.publish(std::move(partial), Area::diffs, actual);
  EXPECT_EQ(content(store, Area::diffs, actual), "actual");
  EXPECT_FALSE(store.open(Area::diffs, promised));
  EXPECT_FALSE(fs::exists(path("partial", promised)));
}

TEST_F(StoreTest, KeepsObjectsOfEveryAlgorithm) {
  const Store store(path(), {});
  for (const char* algorithm : {"sha256", "sha384", "sha512"}) {
    const Digest digest = digest_of("content", algorithm);
    Partial partial = store.take_partial(digest, {});
    partial.write(as_bytes("content"));
    store.publish(std::move(partial), Area::blobs, digest);
    EXPECT_EQ(content(store, Area::blobs, digest), "content") << algorithm;
  }
}

TEST_F(StoreTest, B10HasNoWrongFileAfterAKill) {
  const auto bytes_of = [](std::uint64_t i) { return test::noise(300000, i); };
  constexpr std::uint64_t kObjects = 20;
  for (std::uint64_t kill_at = 0; kill_at < kObjects; ++kill_at) {
    Signal begun;
    Child child([&] {
      const Store store(path(), {});
      for (std::uint64_t i = 0;; i = (i + 1) % kObjects) {
        const std::string bytes = bytes_of(i);
        const Digest digest = digest_of(bytes);
        Partial partial = store.take_partial(digest, {});
        partial.truncate();
        for (std::size_t at = 0; at < bytes.size(); at += 10000) {
          partial.write(as_bytes(std::string_view(bytes).substr(at, 10000)));
          if (i == kill_at && at == 10000 * (kill_at % 10)) begun.give();
        }
        store.publish(std::move(partial), i % 2 == 0 ? Area::blobs : Area::diffs, digest);
        store.touch(digest);
      }
    });
    begun.await();
    child.kill();
    EXPECT_EQ(test::wrong_files(path()), std::vector<std::string>{});
  }
  // And all of it can be made after that.
  const Store store(path(), {});
  for (std::uint64_t i = 0; i < kObjects; ++i) {
    const std::string bytes = bytes_of(i);
    Partial partial = store.take_partial(digest_of(bytes), {});
    partial.truncate();
    partial.write(as_bytes(bytes));
    store.publish(std::move(partial), Area::blobs, digest_of(bytes));
  }
  EXPECT_EQ(test::wrong_files(path()), std::vector<std::string>{});
}

TEST_F(StoreTest, B10IsSharedByProcesses) {
  constexpr std::size_t kProcesses = 4;
  {
    std::vector<std::unique_ptr<Child>> children;
    for (std::size_t process = 0; process < kProcesses; ++process) {
      children.push_back(std::make_unique<Child>([&] {
        const Store store(path(), {});
        for (std::uint64_t i = 0; i < 30; ++i) {
          const std::string bytes = test::noise(20000, i);
          const Digest digest = digest_of(bytes);
          Partial partial = store.take_partial(digest, {});
          if (store.open(Area::blobs, digest)) {
            store.discard(std::move(partial));
            continue;
          }
          if (partial.size() != 0) ::_exit(1);  // nobody leaves one here
          partial.write(as_bytes(bytes));
          store.publish(std::move(partial), Area::blobs, digest);
        }
      }));
    }
    for (const auto& child : children) EXPECT_EQ(child->join(), 0);
  }
  const Store store(path(), {});
  for (std::uint64_t i = 0; i < 30; ++i) {
    EXPECT_TRUE(store.open(Area::blobs, digest_of(test::noise(20000, i)))) << i;
  }
  EXPECT_EQ(test::wrong_files(path()), std::vector<std::string>{});
  EXPECT_TRUE(fs::is_empty(path() / "partial/sha256"));
}

TEST_F(StoreTest, MakesAFileThatNobodyElseCanOpen) {
  const Store store(path(), {.free_percent = 0});
  fs::remove_all(path());  // as anybody may
  const UniqueFd file = store.make_unnamed(1);
  write_all_at(file.get(), as_bytes("content"), 0);
  const struct stat status = stat_of(file.get());
  EXPECT_EQ(status.st_nlink, 0U);
  EXPECT_EQ(status.st_mode, S_IFREG | 0600U);
  EXPECT_EQ(status.st_dev, stat_of(open_file(AT_FDCWD, path(), O_PATH).get()).st_dev);
  const std::string link = str_cat("/proc/self/fd/", file.get());
  EXPECT_NE(
      ::linkat(AT_FDCWD, link.c_str(), AT_FDCWD, (path() / "name").c_str(), AT_SYMLINK_FOLLOW), 0);
}

// What waits for its name cannot be thrown out yet, so that the disk only looks full.
TEST_F(StoreTest, WaitsForNamesBeforeItCallsTheDiskFull) {
  const Store store(path(), {.free_percent = 100});
  auto waiting = store.wait_for_name();
  auto result = std::async(std::launch::async, [&] { store.reserve(1); });
  EXPECT_EQ(result.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  waiting.reset();
  EXPECT_THROW(result.get(), std::system_error);
}

TEST_F(StoreTest, ThrowsNothingOutForAFileWithoutAName) {
  const Digest digest = keep(Store(path(), {.free_percent = 0}), "content");
  const Store store(path(), {.free_percent = 100});
  EXPECT_THROW(static_cast<void>(store.make_unnamed(1)), std::system_error);
  EXPECT_EQ(content(store, Area::blobs, digest), "content");
}

TEST_F(StoreTest, RemovesADamagedObject) {
  const Store store(path(), {});
  const Digest digest = keep(store, "content");
  store.remove(Area::blobs, digest, store.open(Area::blobs, digest)->get());
  EXPECT_FALSE(store.open(Area::blobs, digest));
}

TEST_F(StoreTest, DoesNotRemoveWhatHasTakenThePlaceOfADamagedObject) {
  const Store store(path(), {});
  const Digest digest = keep(store, "content");
  const auto damaged = store.open(Area::blobs, digest);
  static_cast<void>(keep(store, "content"));  // somebody else was faster
  store.remove(Area::blobs, digest, damaged->get());
  EXPECT_TRUE(store.open(Area::blobs, digest));
}

// Whatever has the name of an object that is to be published.
TEST_F(StoreTest, PublishesWhereSomethingElseHasTheName) {
  const Store store(path(), {});
  for (const char* what : {"folder", "full folder", "link", "fifo"}) {
    const Digest digest = digest_of(what);
    put_in_the_way(path("blobs", digest), what);
    EXPECT_FALSE(store.open(Area::blobs, digest)) << what;
    EXPECT_EQ(keep(store, what), digest);
    EXPECT_EQ(content(store, Area::blobs, digest), what);
    EXPECT_TRUE(fs::exists(fs::symlink_status(path("blobs", digest).native() + ".aside"))) << what;
  }
  EXPECT_EQ(test::slurp(path("blobs", digest_of("full folder")).native() + ".aside/file"), "mine");
}

// `rm -rf CACHE/*` under a mount, and even `rm -rf CACHE`.
TEST_F(StoreTest, MakesItsFoldersAgain) {
  const Store store(path(), {});
  static_cast<void>(keep(store, "one"));
  for (const fs::directory_entry& entry : fs::directory_iterator(path())) {
    fs::remove_all(entry.path());
  }
  EXPECT_FALSE(store.open(Area::blobs, digest_of("one")));
  const Digest two = keep(store, "two");
  EXPECT_EQ(content(store, Area::blobs, two), "two");
  store.touch(two);
  EXPECT_TRUE(fs::exists(path("used", two)));
  store.write_note("tags", "name.json", "text");
  EXPECT_EQ(store.read_note("tags", "name.json"), "text");
  fs::remove_all(path());
  EXPECT_FALSE(store.open(Area::blobs, two));
  EXPECT_EQ(content(store, Area::blobs, keep(store, "three")), "three");
  EXPECT_TRUE(fs::exists(path("blobs", digest_of("three"))));
  store.tidy();
}

// `rm -rf CACHE/*` while a download is under way.
TEST_F(StoreTest, PublishesAPartialFileThatWasRemoved) {
  const Store store(path(), {});
  Partial partial = partial_of(store, "content", "content");
  fs::remove_all(path() / "partial");
  store.publish(std::move(partial), Area::blobs, digest_of("content"));
  EXPECT_EQ(content(store, Area::blobs, digest_of("content")), "content");
}

TEST_F(StoreTest, PublishesNoFileThatSomebodyElseHasPutInPlaceOfAPartial) {
  const Store store(path(), {});
  Partial partial = partial_of(store, "content", "content");
  fs::remove(path("partial", digest_of("content")));
  plant(path("partial", digest_of("content")), "another");
  store.publish(std::move(partial), Area::blobs, digest_of("content"));
  EXPECT_EQ(content(store, Area::blobs, digest_of("content")), "content");
}

// A fifo at `used/` would hang whoever opens it for writing.
TEST_F(StoreTest, NotesAUseWhereSomethingElseHasTheName) {
  const Store store(path(), {});
  for (const char* what : {"folder", "link", "fifo"}) {
    put_in_the_way(path("used", digest_of(what)), what);
    store.touch(digest_of(what));
    EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(path("used", digest_of(what))))) << what;
  }
}

}  // namespace
}  // namespace digestfs::cache
