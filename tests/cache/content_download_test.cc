// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <csignal>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "cache/content.h"
#include "tests/cache/content_fixture.h"

namespace digestfs::cache {
namespace {

// B1: cut, and gone on from where it was.
TEST_F(ContentTest, GoesOnWhereADownloadWasCut) {
  Mount mount(cache(), source_);
  const std::string bytes = test::noise(450000);
  const Digest digest = add(mount, bytes);
  source_.cut_after(digest, 100000, MemorySource::Times::always);
  EXPECT_EQ(mount.read(digest), bytes);
  EXPECT_EQ(source_.offsets(digest),
            (std::vector<std::uint64_t>{0, 100000, 200000, 300000, 400000}));
  EXPECT_EQ(mount.problems.text(), "") << "an interruption is no mismatch";
}

// Promise 6, RTY-10: also by a later mount.
TEST_F(ContentTest, GoesOnWhereAnEarlierMountWasCut) {
  const std::string bytes = test::noise(300000);
  const Digest digest = digest_of(bytes);
  {
    Mount mount(cache(), source_);
    add(mount, bytes);
    source_.cut_after(digest, 1000, MemorySource::Times::always);
    EXPECT_EQ(mount.failure(digest), Errc::unavailable) << "it does not try for ever";
    expect_no_wrong_file();
  }
  const std::size_t tries = source_.fetches(digest);
  EXPECT_GT(tries, 1U);
  source_.behave();
  Mount mount(cache(), source_);
  add(mount, bytes);
  EXPECT_EQ(mount.read(digest), bytes);
  ASSERT_EQ(source_.fetches(digest), tries + 1);
  EXPECT_EQ(source_.offsets(digest).back(), 1000 * tries);
}

// Promise 6: a process may be killed when all has come and the object has no name yet.
TEST_F(ContentTest, AsksForNothingOfALargeObjectThatAnEarlierMountLeftWhole) {
  const std::string bytes = test::noise(3'000'000);
  const Digest digest = digest_of(bytes);
  {
    const Store store(cache(), {.free_percent = 0});
    store.claim(digest).take_any().write(as_bytes(std::string_view(bytes)));
  }
  Mount mount(cache(), source_);
  add(mount, bytes);
  EXPECT_EQ(mount.read(digest), bytes);
  EXPECT_EQ(source_.fetches(digest), 0U);
}

// A stat of `manifests/<layer>` asks for a small object, and threw away what was there of a large
// one.
TEST_F(ContentTest, LosesNothingToACallerWhoTakesLess) {
  for (const std::size_t left : {2'000'000U, 3'000'000U}) {
    const std::string bytes = test::noise(3'000'000);
    const Digest digest = digest_of(bytes);
    test::TemporaryDirectory directory;
    MemorySource source;
    Mount mount(directory.path() / "cache", source);
    source.add_object(Endpoint::blobs, bytes);
    mount.content.meet(digest, Endpoint::blobs, bytes.size());
    mount.store.take_partial(digest, {}).write(as_bytes(bytes.substr(0, left)));
    EXPECT_EQ(mount.failure(digest, 1000), Errc::too_large) << left;
    const std::size_t tries = source.fetches(digest);
    EXPECT_EQ(mount.read(digest), bytes);
    const bool is_whole = left == bytes.size();
    EXPECT_EQ(source.fetches(digest), tries + (is_whole ? 0 : 1));
    if (!is_whole) {
      EXPECT_EQ(source.offsets(digest).back(), left);
    }
  }
}

// B1, RTY-8: without a length, an end in order is no end where a descriptor promises more.
TEST_F(ContentTest, B1GoesOnWhereADownloadEndedEarlyInOrder) {
  Mount mount(cache(), source_);
  const std::string bytes = test::noise(350000);
  const Digest digest = add(mount, bytes);
  source_.end_after(digest, 100000);
  EXPECT_EQ(mount.read(digest), bytes);
  EXPECT_EQ(source_.offsets(digest), (std::vector<std::uint64_t>{0, 100000, 200000, 300000}));
  EXPECT_EQ(mount.problems.text(), "") << "an interruption is no mismatch";
}

TEST_F(ContentTest, B1CallsAnObjectWrongThatDoesNotGoOn) {
  Mount mount(cache(), source_);
  const std::string bytes = test::noise(1000);
  const Digest digest = add(mount, bytes);
  source_.serve_instead(digest, bytes.substr(0, 400));
  source_.end_after(digest, 400);
  EXPECT_EQ(mount.failure(digest), Errc::corrupt);
  EXPECT_LE(source_.fetches(digest), 4U);
  EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"digest-mismatch", 1}}));
}

// RTY-8: a server without ranges that is cut each time a little later.
TEST_F(ContentTest, B2StartsOverTwiceAtTheMost) {
  Mount mount(cache(), source_);
  const Digest digest = add(mount, test::noise(1000000));
  source_.refuse_offsets();
  source_.cut_after(digest, 500000, MemorySource::Times::always);
  EXPECT_EQ(mount.failure(digest), Errc::unavailable);
  EXPECT_EQ(source_.offsets(digest), (std::vector<std::uint64_t>{0, 500000, 500000, 500000}));
}

// VER-1, RTY-8: it would fill the disk, and drive out what is kept there.
TEST_F(ContentTest, B3EndsABodyThatGoesOnFarPastItsObject) {
  Mount mount(cache(), source_);
  const Digest digest = source_.add_object(Endpoint::blobs, std::string(65U << 20U, 'a')).digest;
  mount.content.meet(digest, Endpoint::blobs, 100);
  source_.end_after(digest, SIZE_MAX);
  EXPECT_EQ(mount.failure(digest), Errc::corrupt);
  EXPECT_FALSE(fs::exists(path("partial", digest)));
  EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"size-mismatch", 1}}));
  EXPECT_EQ(mount.failure(digest), Errc::corrupt);
  EXPECT_EQ(source_.fetches(digest), 1U) << "known to be broken for a minute (RTY-9)";
  // Whoever lies about its size spoils it for nobody else.
  mount.content.meet(digest, Endpoint::blobs, 65U << 20U);
  EXPECT_FALSE(mount.failure(digest));
}

TEST_F(ContentTest, B3EndsABodyThatNobodyGivesASizeFor) {  // VER-1, VER-2, RTY-8
  Mount mount(cache(), source_, Network::allowed, {.unsized = 1000, .free_percent = 0});
  const Digest longer = source_.add_object(Endpoint::blobs, std::string(1001, 'a')).digest;
  const Digest shorter = source_.add_object(Endpoint::blobs, std::string(1000, 'b')).digest;
  const Digest nothing = source_.add_object(Endpoint::blobs, std::string(1001, 'c')).digest;
  for (const Digest& digest : {longer, shorter, nothing}) {
    mount.content.meet(digest, Endpoint::blobs,
                       digest == nothing ? std::optional<std::uint64_t>(0) : std::nullopt);
    source_.end_after(digest, SIZE_MAX);
  }
  EXPECT_EQ(mount.failure(longer), Errc::too_large);
  EXPECT_EQ(mount.failure(nothing), Errc::too_large);
  EXPECT_FALSE(mount.failure(shorter));
  EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"limit", 2}}));
  // What is announced is as large as it is.
  source_.behave();
  Mount other(cache(), source_, Network::allowed, {.unsized = 1000, .free_percent = 0});
  other.content.meet(longer, Endpoint::blobs, {});
  EXPECT_FALSE(other.failure(longer));
}

TEST_F(ContentTest, B3BehindOneEndpointIsNotWhatAnotherHas) {  // EP-6, RTY-9
  Mount mount(cache(), source_);
  const Digest digest = source_.add_object(Endpoint::blobs, "content").digest;
  mount.content.meet(digest, Endpoint::manifests, {});
  source_.serve_instead(digest, "else");
  EXPECT_EQ(mount.failure(digest), Errc::corrupt);
  source_.behave();
  // Nobody has asked for it as a blob yet.
  mount.content.meet(digest, Endpoint::blobs, {});
  EXPECT_EQ(mount.read(digest), "content");
}

TEST_F(ContentTest, GivesUpAtOnceWhereNothingComes) {
  Mount mount(cache(), source_);
  const Digest digest = add(mount, "content");
  source_.cut_after(digest, 0, MemorySource::Times::always);
  EXPECT_EQ(mount.failure(digest), Errc::unavailable);
  EXPECT_EQ(source_.fetches(digest), 1U);
}

// B2: a server without ranges sends all of it again.
TEST_F(ContentTest, BeginsAnewWhereTheSourceDoes) {
  Mount mount(cache(), source_);
  const std::string bytes = test::noise(300000);
  const Digest digest = add(mount, bytes);
  source_.refuse_offsets();
  source_.cut_after(digest, 100000, MemorySource::Times::once);
  EXPECT_EQ(mount.read(digest), bytes);
  EXPECT_EQ(source_.offsets(digest), (std::vector<std::uint64_t>{0, 100000}));
}

// RTY-8: what an earlier download left proves nothing.
TEST_F(ContentTest, TrustsNoPartialFile) {
  const std::string bytes = test::noise(1000);
  const std::vector<std::pair<std::string, std::vector<std::uint64_t>>> cases = {
      {bytes.substr(0, 400), {400}},            // sound
      {bytes, {}},                              // complete
      {std::string(400, 'x'), {400, 0}},        // damaged
      {std::string(1000, 'x'), {0}},            // damaged, and as long as the object
      {bytes + std::string(500, 'x'), {1500}},  // longer: the source begins at 0
  };
  for (const auto& [left, offsets] : cases) {
    SCOPED_TRACE(left.size());
    test::TemporaryDirectory directory;
    MemorySource source;
    Mount mount(directory.path() / "cache", source);
    const Digest digest = source.add_object(Endpoint::blobs, bytes).digest;
    mount.content.meet(digest, Endpoint::blobs, bytes.size());
    write_all(mount.store.take_partial(digest, {}).fd(), as_bytes(left));
    EXPECT_EQ(mount.read(digest), bytes);
    EXPECT_EQ(source.offsets(digest), offsets);
    EXPECT_EQ(mount.problems.text(), "");
  }
}

// B10: kill -9 in mid-download.
TEST_F(ContentTest, B10GoesOnWhereAKilledMountWas) {
  const std::string bytes = test::noise(300000);
  const Digest digest = source_.add_object(Endpoint::blobs, bytes).digest;
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const UniqueFd reads(pipe[0]);
  UniqueFd writes(pipe[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    Mount mount(cache(), source_);
    mount.content.meet(digest, Endpoint::blobs, bytes.size());
    source_.stall_after(digest, 200000);
    std::jthread reader([&] { static_cast<void>(mount.failure(digest)); });
    source_.await_stalled(1);
    write_all(writes.get(), as_bytes("!"));
    for (;;) ::pause();
  }
  writes = UniqueFd();
  char byte = 0;
  ASSERT_EQ(::read(reads.get(), &byte, 1), 1);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  expect_no_wrong_file();
  Mount mount(cache(), source_);
  add(mount, bytes);
  EXPECT_EQ(mount.content.state(digest), State::remote);
  EXPECT_EQ(mount.read(digest), bytes);
  EXPECT_EQ(source_.offsets(digest), (std::vector<std::uint64_t>{200000}));
}

TEST_F(ContentTest, KeepsWhatHasComeWhenItIsStopped) {
  const std::string bytes = test::noise(300000);
  const Digest digest = source_.add_object(Endpoint::blobs, bytes).digest;
  {
    Mount mount(cache(), source_);
    mount.content.meet(digest, Endpoint::blobs, {});
    source_.stall_after(digest, 200000);
    std::jthread reader([&] { EXPECT_EQ(mount.failure(digest), Errc::interrupted); });
    source_.await_stalled(1);
    mount.workers.stop();
  }
  source_.behave();
  Mount mount(cache(), source_);
  add(mount, bytes);
  EXPECT_EQ(mount.read(digest), bytes);
  EXPECT_EQ(source_.offsets(digest), (std::vector<std::uint64_t>{0, 200000}));
}

// What comes fast is written in pieces of 256 KiB; of a cut download nothing of it is lost.
TEST_F(ContentTest, KeepsTheLastBytesOfAFastDownloadThatWasCut) {
  const std::string bytes = test::noise(1'500'000);
  const std::size_t most = 1'200'000;
  const Digest digest = source_.add_object(Endpoint::blobs, bytes).digest;
  Mount mount(cache(), source_);
  mount.content.meet(digest, Endpoint::blobs, bytes.size());
  source_.cut_after(digest, most, MemorySource::Times::once);
  EXPECT_EQ(mount.read(digest), bytes);
  EXPECT_EQ(source_.offsets(digest), (std::vector<std::uint64_t>{0, most}));
}

// B10: ENOSPC.
TEST_F(ContentTest, B10FailsAsTheDiskDoes) {
  Mount mount(cache(), source_, Network::allowed, {.free_percent = 100});
  const Digest digest = add(mount, "content");
  try {
    static_cast<void>(mount.open(digest));
    FAIL() << "no byte of the disk may be used";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_space_on_device);
  }
  EXPECT_FALSE(fs::exists(path("partial", digest)));
}

}  // namespace
}  // namespace digestfs::cache
