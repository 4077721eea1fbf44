// SPDX-License-Identifier: Apache-2.0
#include "cache/store.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>
#include <future>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "tests/support/image_builder.h"
#include "tests/support/mounted.h"

namespace digestfs::cache {
namespace {

namespace fs = std::filesystem;

class StoreTest : public testing::Test {
 protected:
  [[nodiscard]] fs::path path() const { return directory_.path() / "cache"; }
  [[nodiscard]] fs::path path(std::string_view folder, const Digest& digest) const {
    return path() / folder / digest.algorithm() / digest.encoded();
  }

  /// In a process of its own: gives up being root, who may do anything. `owned` are its files then.
  void become_nobody(const std::vector<fs::path>& owned) const {
    if (::geteuid() != 0) return;
    constexpr uid_t kNobody = 65534;
    for (const fs::path& file : owned) {
      if (::chown(file.c_str(), kNobody, kNobody) != 0) throw_system_error("give away");
    }
    fs::permissions(directory_.path(), fs::perms(0711));
    if (::setresuid(kNobody, kNobody, kNobody) != 0) throw_system_error("become nobody");
  }

  test::TemporaryDirectory directory_;
};

Digest keep(const Store& store, const std::string& bytes, Area area = Area::blobs) {
  const Digest digest = digest_of(bytes);
  Partial partial = store.take_partial(digest, {});
  write_all(partial.fd(), as_bytes(bytes));
  store.publish(std::move(partial), area, digest);
  return digest;
}

std::optional<std::string> content(const Store& store, Area area, const Digest& digest) {
  const auto file = store.open(area, digest);
  if (!file) return std::nullopt;
  return read_rest(file->get(), std::size_t{64} << 20U);
}

void write_file(const fs::path& path, std::string_view bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

/// Sets when an object was used last, in seconds since 1970.
void set_used(const fs::path& path, std::time_t time) {
  const std::array<timespec, 2> times = {{{time, 0}, {time, 0}}};
  if (::utimensat(AT_FDCWD, path.c_str(), times.data(), 0) != 0) throw_system_error("set a time");
}

/// How often this process has `path` open.
std::ptrdiff_t open_descriptors_of(const fs::path& path) {
  const fs::directory_iterator descriptors("/proc/self/fd");
  return std::count_if(begin(descriptors), end(descriptors), [&](const auto& entry) {
    std::error_code gone;
    return fs::read_symlink(entry, gone) == path;
  });
}

mode_t mode_of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw_system_error("stat");
  return status.st_mode & 07777U;
}

/// Another process, a copy of this one that runs `body`; killed at the latest at the end of the
/// test. It ends without destructors, as a killed one does.
class Child {
 public:
  template <class Body>
  explicit Child(Body&& body) : pid_(::fork()) {
    if (pid_ == 0) {
      try {
        body();
        ::_exit(0);
      } catch (...) {
        ::_exit(99);
      }
    }
  }
  ~Child() {
    if (pid_ > 0) kill();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void kill() {
    ::kill(pid_, SIGKILL);
    static_cast<void>(join());
  }
  int join() {
    int status = -1;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_;
};

/// A byte from one process to another.
class Signal {
 public:
  Signal() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) throw_system_error("make a pipe");
  }
  ~Signal() {
    for (const int end : ends_) ::close(end);
  }
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  void give() const { write_all(ends_[1], as_bytes("!")); }
  void await() const {
    char byte = 0;
    while (::read(ends_[0], &byte, 1) < 0 && errno == EINTR) {
    }
  }

 private:
  std::array<int, 2> ends_{};
};

TEST_F(StoreTest, MakesAFolderForItsUserAlone) {
  const Store store(path(), {});
  EXPECT_EQ(mode_of(path()), 0700U);
  for (const char* folder : {"blobs", "diffs", "partial", "used", "layers", "tags"}) {
    EXPECT_EQ(mode_of(path() / folder), 0700U) << folder;
  }
}

TEST_F(StoreTest, MakesAFolderForItsUserAloneAlsoByANameThatEndsInASlash) {
  const Store store(path() / "", {});
  EXPECT_EQ(mode_of(path()), 0700U);
}

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

TEST_F(StoreTest, RefusesWhatIsNoFolder) {
  write_file(path(), "a file");
  EXPECT_THROW(Store(path(), {}), std::system_error);
  EXPECT_THROW(Store(path() / "below", {}), std::system_error);
}

TEST_F(StoreTest, UsesAFolderBelowTheCurrentOne) {
  Child child([&] {
    if (::chdir(directory_.path().c_str()) != 0) ::_exit(98);
    static_cast<void>(keep(Store("cache", {}), "content"));
  });
  EXPECT_EQ(child.join(), 0);
  EXPECT_TRUE(fs::exists(path("blobs", digest_of("content"))));
}

TEST_F(StoreTest, RefusesAFolderItCannotWriteTo) {
  fs::create_directories(path());
  fs::permissions(path(), fs::perms::owner_read | fs::perms::owner_exec);
  Child child([&] {
    become_nobody({path()});
    try {
      const Store store(path(), {});
    } catch (const std::system_error& error) {
      ::_exit(error.code().value() == EACCES ? 0 : 1);
    }
    ::_exit(2);
  });
  EXPECT_EQ(child.join(), 0);
}

TEST_F(StoreTest, RefusesAFolderOfSomebodyElse) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be two users";
  fs::create_directories(path());
  fs::permissions(path(), fs::perms::all);
  Child child([&] {
    become_nobody({});
    try {
      const Store store(path(), {});
    } catch (const std::system_error& error) {
      ::_exit(error.code().value() == EPERM ? 0 : 1);
    }
    ::_exit(2);
  });
  EXPECT_EQ(child.join(), 0);
}

TEST_F(StoreTest, OpensWhatWasPublishedAndNothingElse) {
  const Store store(path(), {});
  const Digest digest = digest_of("content");
  EXPECT_FALSE(store.open(Area::blobs, digest));
  Partial partial = store.take_partial(digest, {});
  write_all(partial.fd(), as_bytes("content"));
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
  write_all(partial.fd(), as_bytes("actual"));
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
    write_all(partial.fd(), as_bytes("content"));
    store.publish(std::move(partial), Area::blobs, digest);
    EXPECT_EQ(content(store, Area::blobs, digest), "content") << algorithm;
  }
}

TEST_F(StoreTest, OpensNoLinkFifoOrFolder) {
  const Store store(path(), {});
  const Digest link = digest_of("link");
  const Digest fifo = digest_of("fifo");
  const Digest folder = digest_of("folder");
  write_file(directory_.path() / "elsewhere", "secret");
  fs::create_directories(path() / "blobs/sha256");
  fs::create_symlink(directory_.path() / "elsewhere", path("blobs", link));
  ASSERT_EQ(::mkfifo(path("blobs", fifo).c_str(), 0600), 0);
  fs::create_directory(path("blobs", folder));
  EXPECT_FALSE(store.open(Area::blobs, link));
  EXPECT_FALSE(store.open(Area::blobs, fifo)) << "nor does it wait for a writer";
  EXPECT_FALSE(store.open(Area::blobs, folder));
}

TEST_F(StoreTest, FindsInAPartialWhatAnEarlierOneLeft) {
  const Store store(path(), {});
  const Digest digest = digest_of("content");
  {
    const Partial partial = store.take_partial(digest, {});
    EXPECT_EQ(partial.size(), 0U);
    write_all(partial.fd(), as_bytes("cont"));
  }
  Partial again = store.take_partial(digest, {});
  EXPECT_EQ(again.size(), 4U);
  EXPECT_EQ(read_rest(again.fd(), 100), "cont");
  again.truncate();
  EXPECT_EQ(again.size(), 0U);
  write_all(again.fd(), as_bytes("content"));
  store.publish(std::move(again), Area::blobs, digest);
  EXPECT_EQ(content(store, Area::blobs, digest), "content");
}

TEST_F(StoreTest, DiscardsAPartial) {
  const Store store(path(), {});
  const Digest digest = digest_of("content");
  Partial partial = store.take_partial(digest, {});
  write_all(partial.fd(), as_bytes("bad"));
  store.discard(std::move(partial));
  EXPECT_EQ(store.take_partial(digest, {}).size(), 0U);
}

TEST_F(StoreTest, TakesAPartialAgainThatCouldNotBePublished) {
  const Digest digest = digest_of("content");
  fs::create_directories(path("blobs", digest));  // in the way
  Child child([&] {
    become_nobody({path(), path() / "blobs", path() / "blobs/sha256", path("blobs", digest)});
    const Store store(path(), {});
    Partial partial = store.take_partial(digest, {});
    write_all(partial.fd(), as_bytes("content"));
    try {
      store.publish(std::move(partial), Area::blobs, digest);
      ::_exit(1);
    } catch (const std::system_error&) {
    }
    fs::remove(path("blobs", digest));
    Partial again = store.take_partial(digest, {});
    if (again.size() != 7) ::_exit(2);
    store.publish(std::move(again), Area::blobs, digest);
  });
  EXPECT_EQ(child.join(), 0);
  EXPECT_EQ(test::slurp(path("blobs", digest)), "content");
}

TEST_F(StoreTest, LeavesAFileThatALinkPointsTo) {
  const Store store(path(), {});
  const Digest digest = digest_of("content");
  write_file(directory_.path() / "elsewhere", "precious");
  fs::create_directories(path() / "partial/sha256");
  fs::create_symlink(directory_.path() / "elsewhere", path("partial", digest));
  EXPECT_THROW(static_cast<void>(store.take_partial(digest, {})), std::system_error);
  EXPECT_EQ(test::slurp(directory_.path() / "elsewhere"), "precious");
}

TEST_F(StoreTest, LetsOnlyOneHaveAPartial) {
  const Store one(path(), {});
  const Store two(path(), {});
  const Digest digest = digest_of("content");
  std::stop_source at_once;
  at_once.request_stop();
  {
    const Partial mine = one.take_partial(digest, {});
    write_all(mine.fd(), as_bytes("half"));
    EXPECT_THROW(static_cast<void>(two.take_partial(digest, at_once.get_token())), Error);
  }
  EXPECT_EQ(two.take_partial(digest, at_once.get_token()).size(), 4U);
}

TEST_F(StoreTest, TakesTheFileThatHasTheNameAfterAWait) {
  const Store one(path(), {});
  const Store two(path(), {});
  const Digest digest = digest_of("content");
  Partial mine = one.take_partial(digest, {});
  auto theirs = std::async(std::launch::async, [&] { return two.take_partial(digest, {}).size(); });
  while (open_descriptors_of(path("partial", digest)) < 2) std::this_thread::yield();
  write_all(mine.fd(), as_bytes("content"));
  one.publish(std::move(mine), Area::blobs, digest);
  // Not the published file, which must never be written to again.
  EXPECT_EQ(theirs.get(), 0U);
  EXPECT_EQ(content(two, Area::blobs, digest), "content");
}

TEST_F(StoreTest, WaitsForNobodyWhoDoesNothing) {  // promise 5: a process that was stopped, say
  const Store one(path(), {});
  const Store two(path(), {.idle = std::chrono::milliseconds(50)});
  const Digest digest = digest_of("content");
  const Partial mine = one.take_partial(digest, {});
  try {
    static_cast<void>(two.take_partial(digest, {}));
    ADD_FAILURE() << "taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::timed_out);
  }
}

TEST_F(StoreTest, StopsWaitingForAPartial) {
  const Store one(path(), {});
  const Store two(path(), {});
  const Digest digest = digest_of("content");
  const Partial mine = one.take_partial(digest, {});
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

TEST_F(StoreTest, LeavesAPartialToOthersWhenItsOwnerIsKilled) {
  const Store store(path(), {});
  const Digest digest = digest_of("content");
  Signal written;
  Child child([&] {
    const Partial partial = store.take_partial(digest, {});
    write_all(partial.fd(), as_bytes("cont"));
    written.give();
    ::pause();
  });
  written.await();
  child.kill();
  EXPECT_FALSE(store.open(Area::blobs, digest));
  const Partial partial = store.take_partial(digest, {});
  EXPECT_EQ(read_rest(partial.fd(), 100), "cont");
}

// B10, promise 6: a process that writes and publishes without end is killed wherever it is.
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
          write_all(partial.fd(), as_bytes(std::string_view(bytes).substr(at, 10000)));
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
    write_all(partial.fd(), as_bytes(bytes));
    store.publish(std::move(partial), Area::blobs, digest_of(bytes));
  }
  EXPECT_EQ(test::wrong_files(path()), std::vector<std::string>{});
}

// B10: two mounts share the cache.
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
          write_all(partial.fd(), as_bytes(bytes));
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

TEST_F(StoreTest, EvictsWhatWasUsedLeastRecently) {
  const Store store(path(), {.size = 3000, .free_percent = 0});
  const std::array<Digest, 3> old = {keep(store, std::string(1000, 'a')),
                                     keep(store, std::string(1000, 'b'), Area::diffs),
                                     keep(store, std::string(1000, 'c'))};
  for (const Digest& digest : old) store.touch(digest);
  set_used(path("used", old[0]), 2000);
  set_used(path("used", old[1]), 1000);
  set_used(path("used", old[2]), 3000);
  const Digest added = keep(store, std::string(1000, 'd'));
  EXPECT_FALSE(store.open(Area::diffs, old[1])) << "the least recently used one stayed";
  EXPECT_FALSE(fs::exists(path("used", old[1])));
  EXPECT_TRUE(store.open(Area::blobs, old[0]));
  EXPECT_TRUE(store.open(Area::blobs, old[2]));
  EXPECT_TRUE(store.open(Area::blobs, added));
}

TEST_F(StoreTest, CountsATouchAsUse) {
  const Store store(path(), {.size = 2000, .free_percent = 0});
  const Digest one = keep(store, std::string(1000, 'a'));
  const Digest two = keep(store, std::string(1000, 'b'));
  store.touch(one);
  store.touch(two);
  set_used(path("used", one), 1000);
  set_used(path("used", two), 2000);
  store.touch(one);
  static_cast<void>(keep(store, std::string(1000, 'c')));
  EXPECT_TRUE(store.open(Area::blobs, one));
  EXPECT_FALSE(store.open(Area::blobs, two));
}

TEST_F(StoreTest, LeavesTheBytesOfAnOpenFileToItsReader) {
  const Store store(path(), {.size = 1000, .free_percent = 0});
  const Digest digest = keep(store, std::string(1000, 'a'));
  const auto open = store.open(Area::blobs, digest);
  static_cast<void>(keep(store, std::string(1000, 'b')));
  EXPECT_FALSE(store.open(Area::blobs, digest));
  EXPECT_EQ(read_rest(open->get(), 2000), std::string(1000, 'a'));
}

TEST_F(StoreTest, KeepsOneObjectThatIsLargerThanTheBound) {
  const Store store(path(), {.size = 1000, .free_percent = 0});
  const Digest small = keep(store, "small");
  const Digest large = keep(store, std::string(5000, 'a'));
  EXPECT_TRUE(store.open(Area::blobs, large));
  EXPECT_FALSE(store.open(Area::blobs, small));
  const Digest next = keep(store, "next");
  EXPECT_TRUE(store.open(Area::blobs, next));
  EXPECT_FALSE(store.open(Area::blobs, large));
}

TEST_F(StoreTest, CountsWhatAnEarlierStoreLeft) {
  const StoreLimits limits{.size = 2000, .free_percent = 0};
  const Digest old = keep(Store(path(), limits), std::string(1500, 'a'));
  const Store store(path(), limits);
  static_cast<void>(keep(store, std::string(1500, 'b')));
  EXPECT_FALSE(store.open(Area::blobs, old));
}

TEST_F(StoreTest, LeavesFilesOfOthersAlone) {
  const Store store(path(), {.size = 1000, .free_percent = 0});
  write_file(path() / "blobs/sha256/README", std::string(5000, 'x'));
  static_cast<void>(keep(store, std::string(900, 'a')));
  static_cast<void>(keep(store, std::string(900, 'b')));
  EXPECT_TRUE(fs::exists(path() / "blobs/sha256/README"));
}

TEST_F(StoreTest, B10ThrowsOutNothingWhereThatDoesNotMakeRoom) {
  const Digest digest = keep(Store(path(), {}), "content");
  const Store store(path(), {.free_percent = 100});
  try {
    store.reserve(1);
    FAIL() << "there is room on a disk of which all must stay free";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_space_on_device);
  }
  EXPECT_TRUE(store.open(Area::blobs, digest)) << "which can be read for as long as it is full";
}

Partial partial_of(const Store& store, const std::string& promised, std::string_view came) {
  Partial partial = store.take_partial(digest_of(promised), {});
  write_all(partial.fd(), as_bytes(came));
  return partial;
}

TEST_F(StoreTest, ThrowsOutWhatWasBegunAndLeft) {
  const Store store(path(), {.size = 1500, .free_percent = 0});
  static_cast<void>(partial_of(store, "left", std::string(1000, 'l')));
  const Partial held = partial_of(store, "held", std::string(1000, 'h'));
  set_used(path("partial", digest_of("left")), 1000);
  set_used(path("partial", digest_of("held")), 1000);
  const Digest added = keep(store, std::string(1000, 'd'));
  EXPECT_FALSE(fs::exists(path("partial", digest_of("left"))));
  EXPECT_TRUE(fs::exists(path("partial", digest_of("held")))) << "somebody works on it";
  EXPECT_TRUE(store.open(Area::blobs, added));
}

TEST_F(StoreTest, KeepsWhatCameInsteadUnderItsTrueName) {  // promise 3
  const Store store(path(), {.quarantine = 2500, .free_percent = 0});
  const std::array<std::string, 3> came = {std::string(1000, 'a'), std::string(1000, 'b'),
                                           std::string(1000, 'c')};
  for (const std::string& bytes : came) {
    EXPECT_TRUE(store.quarantine(partial_of(store, "promised", bytes), digest_of(bytes)));
    set_used(path("quarantine", digest_of(bytes)), bytes[0]);
  }
  EXPECT_FALSE(fs::exists(path("partial", digest_of("promised"))));
  EXPECT_FALSE(store.open(Area::quarantine, digest_of(came[0]))) << "the oldest stayed";
  EXPECT_EQ(content(store, Area::quarantine, digest_of(came[1])), came[1]);
  EXPECT_EQ(content(store, Area::quarantine, digest_of(came[2])), came[2]);
  EXPECT_EQ(mode_of(path("quarantine", digest_of(came[2]))), 0444U);

  const std::string large(2501, 'x');
  EXPECT_FALSE(store.quarantine(partial_of(store, "promised", large), digest_of(large)));
  EXPECT_FALSE(store.open(Area::quarantine, digest_of(large)));
  EXPECT_FALSE(fs::exists(path("partial", digest_of("promised"))));
  EXPECT_TRUE(store.open(Area::quarantine, digest_of(came[1]))) << "thrown out for nothing";
}

TEST_F(StoreTest, ThrowsOutWhatCameInsteadBeforeAnythingElse) {
  const Store store(path(), {.free_percent = 0});
  const Digest good = keep(store, "good");
  const std::string bad(20U << 20U, 'b');
  EXPECT_TRUE(store.quarantine(partial_of(store, "promised", bad), digest_of(bad)));
  // Others write to the disk meanwhile.
  store.reserve(fs::space(path()).available + (10U << 20U));
  EXPECT_FALSE(store.open(Area::quarantine, digest_of(bad)));
  EXPECT_TRUE(store.open(Area::blobs, good));
}

TEST_F(StoreTest, ThrowsOutWhatIsMissingAndNoMore) {
  const Store store(path(), {.free_percent = 0});
  std::vector<Digest> kept;
  for (char c = 'a'; c < 'k'; ++c) kept.push_back(keep(store, std::string(10U << 20U, c)));
  // Others write to the disk meanwhile; half of what is there is room enough for that.
  store.reserve(fs::space(path()).available + (5U << 20U));
  EXPECT_GE(
      std::ranges::count_if(
          kept, [&](const Digest& digest) { return store.open(Area::blobs, digest).has_value(); }),
      5);
  EXPECT_FALSE(store.open(Area::blobs, kept[0]));
}

TEST_F(StoreTest, ThrowsOutNothingForWhatCannotBeKept) {
  const Store store(path(), {.free_percent = 0});
  const Digest good = keep(store, "good");
  EXPECT_THROW(store.reserve(UINT64_MAX / 2), std::system_error);
  EXPECT_TRUE(store.open(Area::blobs, good));
}

TEST_F(StoreTest, ReservesWithoutEvictingWhereThereIsRoom) {
  const Store store(path(), {.free_percent = 0});
  const Digest digest = keep(store, "content");
  store.reserve(1);
  EXPECT_TRUE(store.open(Area::blobs, digest));
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

TEST_F(StoreTest, KeepsNotes) {
  const Store store(path(), {});
  EXPECT_FALSE(store.read_note("tags", "name.json"));
  store.write_note("tags", "name.json", "one");
  store.write_note("tags", "name.json", "two, which is longer");
  EXPECT_EQ(store.read_note("tags", "name.json"), "two, which is longer");
  EXPECT_EQ(Store(path(), {}).read_note("tags", "name.json"), "two, which is longer");
  // No draft is left beside it.
  EXPECT_EQ(std::distance(fs::directory_iterator(path() / "tags"), {}), 1);
}

TEST_F(StoreTest, ReplacesNotesAsAWhole) {
  const Store store(path(), {});
  const std::string one(100000, '1');
  const std::string two(50000, '2');
  store.write_note("tags", "name.json", one);
  std::jthread writer([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      store.write_note("tags", "name.json", two);
      store.write_note("tags", "name.json", one);
    }
  });
  for (int i = 0; i < 500; ++i) {
    const auto note = store.read_note("tags", "name.json");
    ASSERT_TRUE(note == one || note == two);
  }
}

}  // namespace
}  // namespace digestfs::cache
