// SPDX-License-Identifier: Apache-2.0
#include "cache/open/open_objects.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <future>
#include <optional>

#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "tests/cache/content_fixture.h"
#include "tests/support/bad_sector.h"

namespace {

std::atomic<int> refusals = 0;  // how often the disk takes nothing more

}  // namespace

/// Takes the place of the C library's function.
extern "C" int fdatasync(int fd) {
  if (refusals > 0) {
    --refusals;
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

namespace digestfs::cache {
namespace {

using OpenObjectsTest = ContentTest;

/// Occupies all threads of a lane, with work that a caller waits for, until it is destroyed.
class BusyLane {
 public:
  BusyLane(Workers& workers, Lane lane, std::size_t threads) : opened_(gate_.get_future().share()) {
    for (std::size_t i = 0; i < threads; ++i) {
      flights_.push_back(std::make_shared<Flight>());
      waiters_.emplace_back(flights_.back());
      workers.launch(lane, flights_.back(), [opened = opened_](std::stop_token) { opened.wait(); });
    }
  }
  BusyLane(const BusyLane&) = delete;
  BusyLane& operator=(const BusyLane&) = delete;
  ~BusyLane() { gate_.set_value(); }

 private:
  std::promise<void> gate_;
  std::shared_future<void> opened_;
  std::vector<std::shared_ptr<Flight>> flights_;
  std::vector<Waiter> waiters_;
};

TEST_F(OpenObjectsTest, HoldOneDescriptorHoweverManyReadersThereAre) {
  Mount mount(cache(), source_);
  const Digest digest = add(mount, "content");
  const auto first = mount.open(digest);
  EXPECT_EQ(mount.open(digest), first);
}

// A reader waited for the disk at the end of each download.
TEST_F(OpenObjectsTest, CanBeReadBeforeTheyHaveTheirNames) {
  Mount mount(cache(), source_);
  const std::string tar = test::tar({{"file", test::noise(300000)}});
  const Digest diff = digest_of(tar);
  const Digest layer = add_layer(mount, test::gzip(tar), diff);
  std::optional<BusyLane> busy(std::in_place, mount.workers, Lane::name, 1U);
  const auto open = mount.open_unnamed(diff);
  EXPECT_EQ(mount.read(open), tar);
  EXPECT_EQ(mount.content.state(layer), State::verified);
  EXPECT_EQ(mount.content.state(diff), State::verified);
  EXPECT_FALSE(fs::exists(path("blobs", layer)));
  EXPECT_FALSE(fs::exists(path("diffs", diff)));
  EXPECT_FALSE(open->is_on_disk());
  busy.reset();
  mount.workers.await_end_of(Lane::name);
  EXPECT_TRUE(open->is_on_disk());
  EXPECT_TRUE(fs::exists(path("blobs", layer)));
  EXPECT_TRUE(fs::exists(path("diffs", diff)));
  EXPECT_TRUE(open->is_untouched()) << "to give it its name is no change";
  EXPECT_EQ(mount.read(open), tar);
  EXPECT_EQ(mount.open(diff), open);
  expect_no_wrong_file();
}

TEST_F(OpenObjectsTest, GetTheirNamesBeforeTheMountEnds) {
  const std::string bytes = test::noise(300000);
  Digest digest = digest_of(bytes);
  {
    Mount mount(cache(), source_);
    std::optional<BusyLane> busy(std::in_place, mount.workers, Lane::name, 1U);
    static_cast<void>(mount.open_unnamed(add(mount, bytes)));
    busy.reset();
  }
  EXPECT_EQ(fs::file_size(path("blobs", digest)), bytes.size());
}

// Each of them holds a descriptor.
TEST_F(OpenObjectsTest, AreNamedAtOnceWhereManyWaitForTheirNames) {
  Mount mount(cache(), source_);
  const BusyLane busy(mount.workers, Lane::name, 1);
  std::vector<Digest> digests;
  for (int i = 0; i < 40; ++i) {
    digests.push_back(add(mount, "object " + std::to_string(i)));
    static_cast<void>(mount.open_unnamed(digests.back()));
  }
  EXPECT_FALSE(fs::exists(path("blobs", digests.front())));
  EXPECT_TRUE(fs::exists(path("blobs", digests.back())));
}

// Somebody may write to a file while it waits for its name, too.
TEST_F(OpenObjectsTest, NoticeAWriterWhileTheyHaveNoName) {
  Mount mount(cache(), source_);
  const std::string bytes = test::noise(300000);
  const Digest digest = add(mount, bytes);
  std::optional<BusyLane> busy(std::in_place, mount.workers, Lane::name, 1U);
  const auto open = mount.open_unnamed(digest);
  damage("partial", digest, "damaged");
  EXPECT_FALSE(open->is_untouched());
  busy.reset();
  mount.workers.await_end_of(Lane::name);
  EXPECT_FALSE(fs::exists(path("blobs", digest))) << "it is not what was hashed";
  expect_no_wrong_file();
  EXPECT_EQ(mount.read(mount.open(digest)), bytes);
  EXPECT_EQ(source_.fetches(digest), 2U);
  expect_no_wrong_file();
}

// Somebody who gives the file its old time may have written to it as well.
TEST_F(OpenObjectsTest, NoticeWhoTouchedThemWhileTheyHaveNoName) {
  Mount mount(cache(), source_);
  const Digest digest = add(mount, test::noise(300000));
  std::optional<BusyLane> busy(std::in_place, mount.workers, Lane::name, 1U);
  const auto open = mount.open_unnamed(digest);
  EXPECT_TRUE(open->is_untouched());
  const auto time = fs::last_write_time(path("partial", digest));
  test::await_tick(path("partial", digest));
  fs::last_write_time(path("partial", digest), time);
  EXPECT_FALSE(open->is_untouched());
  busy.reset();
}

// A new open downloaded the object again although the daemon held a good descriptor.
TEST_F(OpenObjectsTest, OpenAgainWhatLostItsNameWhileItIsOpen) {
  Mount mount(cache(), source_);
  const std::string bytes = test::noise(300000);
  const Digest digest = add(mount, bytes);
  const auto open = mount.open(digest);
  fs::remove(path("blobs", digest));
  EXPECT_EQ(mount.read(mount.open(digest)), bytes);
  EXPECT_EQ(mount.content.state(digest), State::verified);
  EXPECT_EQ(mount.read(open), bytes);
  EXPECT_EQ(source_.fetches(digest), 1U);
  EXPECT_EQ(mount.problems.text(), "");
}

TEST_F(OpenObjectsTest, ReplaceADamagedObjectWhileAReaderHoldsIt) {
  Mount mount(cache(), source_);
  const std::string bytes = test::noise(300000);
  const Digest digest = add(mount, bytes);
  const auto damaged = mount.open(digest);
  damage("blobs", digest, "damaged");
  const auto sound = mount.open(digest);
  EXPECT_NE(sound, damaged);
  EXPECT_EQ(mount.read(sound), bytes);
  EXPECT_EQ(mount.open(digest), sound);
  EXPECT_EQ(source_.fetches(digest), 2U);
}

// Promise 10. With two images of large layers to hash, a manifest waited for all of them.
TEST_F(OpenObjectsTest, CheckSmallObjectsWhileLayersAreHashed) {
  const std::string tar = test::tar({{"file", "content"}});
  const std::string large = test::noise(std::size_t{2} << 20U);
  {
    Mount mount(cache(), source_);
    static_cast<void>(mount.open(add(mount, "small")));
    static_cast<void>(mount.open(add(mount, large)));
    static_cast<void>(mount.open(add(mount, test::gzip(tar))));
  }
  Mount mount(cache(), source_);
  const BusyLane layers(mount.workers, Lane::disk, 2);
  const auto read = [&](const Digest& digest) {
    const Patience patience = Patience::of_lookup();
    return mount.read(landed([&] { return mount.content.open(digest, patience); }));
  };
  EXPECT_EQ(read(add(mount, "small")), "small");
  EXPECT_EQ(read(add(mount, large)), large);
  const Digest diff = digest_of(tar);
  add_layer(mount, test::gzip(tar), diff);
  EXPECT_EQ(read(diff), tar) << "a small layer is unpacked beside large ones";
  EXPECT_EQ(source_.fetches(), 3U);
}

// What the disk did not take, the kernel may drop from memory, and it says so only once: the next
// try would find the same file in memory, hash it, and believe that it is on the disk.
TEST_F(OpenObjectsTest, FetchAgainWhatTheDiskDidNotTake) {
  const std::string bytes = test::noise(300000);
  Mount mount(cache(), source_);
  const Digest digest = add(mount, bytes);
  std::optional<BusyLane> busy(std::in_place, mount.workers, Lane::name, 1U);
  const auto open = mount.open_unnamed(digest);
  refusals = 1;
  busy.reset();
  mount.workers.await_end_of(Lane::name);
  EXPECT_FALSE(fs::exists(path("blobs", digest)));
  EXPECT_FALSE(fs::exists(path("partial", digest)));
  try {
    static_cast<void>(mount.read(open));
    FAIL() << "read what is only in memory";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
  }
  EXPECT_EQ(mount.read(digest), bytes) << "opened again, it is fetched again";
  EXPECT_EQ(source_.fetches(digest), 2U);
  EXPECT_TRUE(fs::exists(path("blobs", digest)));
}

// A reader who came too late for an object without a name had it fetched once more, and so on.
TEST_F(OpenObjectsTest, FailForTheirBringerOnceTheDiskTakesNothing) {
  Mount mount(cache(), source_);
  std::optional<BusyLane> busy(std::in_place, mount.workers, Lane::name, 1U);
  const auto first = mount.open_unnamed(add(mount, "the first"));
  refusals = 1;
  busy.reset();
  mount.workers.await_end_of(Lane::name);
  ASSERT_EQ(refusals, 0) << "the disk was asked";
  const Digest refused = add(mount, "refused");
  refusals = 1;
  try {
    static_cast<void>(mount.open_unnamed(refused));
    ADD_FAILURE() << "the disk did not take it";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::io_error);
  }
  EXPECT_EQ(source_.fetches(refused), 1U);
  const Digest taken = add(mount, "taken");
  EXPECT_EQ(mount.read(taken), "taken");
  EXPECT_TRUE(fs::exists(path("blobs", taken)));
}

// A file that the disk cannot read used to fail with EIO for good.
TEST_F(OpenObjectsTest, FetchAgainWhatTheDiskCannotRead) {
  const std::string bytes = test::noise(300000);
  const Digest digest = digest_of(bytes);
  {
    Mount mount(cache(), source_);
    static_cast<void>(mount.open(add(mount, bytes)));
  }
  const test::BadSector bad(path("blobs", digest));
  Mount mount(cache(), source_);
  add(mount, bytes);
  EXPECT_EQ(mount.read(digest), bytes);
  EXPECT_EQ(source_.fetches(digest), 2U);
  EXPECT_TRUE(mount.content.take_healed(digest));
  EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"cache-damaged", 1}}));
}

TEST_F(OpenObjectsTest, FetchAgainWhatTheDiskCanNoLongerRead) {
  const std::string bytes = test::noise(300000);
  Mount mount(cache(), source_);
  const Digest digest = add(mount, bytes);
  const auto open = mount.open(digest);
  const test::BadSector bad(path("blobs", digest));
  try {
    static_cast<void>(mount.read(open));
    FAIL() << "read what the disk cannot read";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
  }
  EXPECT_EQ(mount.read(digest), bytes) << "opened again, it is fetched again";
  EXPECT_EQ(source_.fetches(digest), 2U);
  EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"cache-damaged", 1}}));
}

}  // namespace
}  // namespace digestfs::cache
