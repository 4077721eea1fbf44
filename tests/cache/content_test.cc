// SPDX-License-Identifier: Apache-2.0
#include "cache/content.h"

#include <array>
#include <csignal>
#include <fstream>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "tests/cache/content_fixture.h"

namespace digestfs::cache {
namespace {

TEST_F(ContentTest, FetchesWhatIsNotThere) {
  Mount mount(cache(), source_);
  const std::string bytes = test::noise(300000);
  const Digest digest = add(mount, bytes);
  EXPECT_EQ(mount.content.state(digest), State::remote);
  EXPECT_EQ(mount.read(digest), bytes);
  EXPECT_EQ(mount.content.state(digest), State::verified);
  EXPECT_EQ(test::slurp(path("blobs", digest)), bytes);
  EXPECT_EQ(mount.problems.text(), "");
}

TEST_F(ContentTest, FetchesAnObjectOfNoBytes) {
  Mount mount(cache(), source_);
  const Digest digest = add(mount, "");
  EXPECT_EQ(mount.read(digest), "");
}

// DIG-2.
TEST_F(ContentTest, VerifiesByTheAlgorithmOfTheDigest) {
  Mount mount(cache(), source_);
  for (const char* algorithm : {"sha384", "sha512"}) {
    const Digest digest = source_.add_object(Endpoint::blobs, "content", "", algorithm).digest;
    mount.content.meet(digest, Endpoint::blobs, {});
    EXPECT_EQ(mount.read(digest), "content") << algorithm;
  }
}

// DIG-3.
TEST_F(ContentTest, OpensNothingItCannotVerify) {
  Mount mount(cache(), source_);
  for (const auto& text : {"blake3:" + std::string(64, 'a'), "md5:abc"s}) {
    const Digest digest = Digest::parse(text).value();
    mount.content.meet(digest, Endpoint::blobs, {});
    EXPECT_EQ(mount.failure(digest), Errc::unsupported) << text;
  }
  EXPECT_EQ(source_.fetches(), 0U);
}

TEST_F(ContentTest, AsksNobodyForWhatWasNeverMet) {
  Mount mount(cache(), source_);
  const Digest digest = source_.add_object(Endpoint::blobs, "content").digest;
  EXPECT_EQ(mount.failure(digest), Errc::not_found);
  EXPECT_EQ(source_.fetches(), 0U);
}

// B8, promise 4.
TEST_F(ContentTest, B8FetchesOnceHoweverManyAsk) {
  Mount mount(cache(), source_);
  const Digest digest = add(mount, "content");
  source_.stall(digest);
  std::shared_ptr<Flight> flight;
  for (int i = 0; i < 64; ++i) {
    try {
      static_cast<void>(mount.content.open(digest, Patience::unlimited()));
      FAIL() << "opened what has not come";
    } catch (const Pending& pending) {
      if (!flight) flight = pending.flight;
      EXPECT_EQ(pending.flight, flight);
    }
  }
  source_.release();
  std::vector<std::jthread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] { EXPECT_EQ(mount.read(digest), "content"); });
  }
  threads.clear();
  EXPECT_EQ(source_.fetches(digest), 1U);
}

TEST_F(ContentTest, FetchesOnceForTwoMountsOfOneCache) {
  Mount one(cache(), source_);
  Mount two(cache(), source_);
  const Digest digest = add(one, "content");
  two.content.meet(digest, Endpoint::blobs, {});
  source_.stall(digest);
  std::jthread first([&] { EXPECT_EQ(one.read(digest), "content"); });
  source_.await_stalled(1);
  std::jthread second([&] { EXPECT_EQ(two.read(digest), "content"); });
  source_.release();
  first.join();
  second.join();
  EXPECT_EQ(source_.fetches(digest), 1U);
  EXPECT_FALSE(fs::exists(path("partial", digest)));
}

TEST_F(ContentTest, FindsInTheCacheWhatAnEarlierMountFetched) {
  const std::string bytes = test::noise(300000);
  Digest digest = digest_of(bytes);
  {
    Mount mount(cache(), source_);
    EXPECT_EQ(mount.read(add(mount, bytes)), bytes);
  }
  Mount mount(cache(), source_);
  mount.content.meet(digest, Endpoint::blobs, {});
  EXPECT_EQ(mount.content.state(digest), State::cached);
  EXPECT_EQ(mount.read(digest), bytes);
  EXPECT_EQ(mount.content.state(digest), State::verified);
  EXPECT_EQ(source_.fetches(digest), 1U);
}

// EP-6: what is of no known type may be behind either endpoint.
TEST_F(ContentTest, AsksEveryEndpointAnObjectWasMetAt) {
  Mount mount(cache(), source_);
  const Digest digest = source_.add_object(Endpoint::blobs, "content").digest;
  mount.content.meet(digest, Endpoint::manifests, {});
  mount.content.meet(digest, Endpoint::blobs, {});
  EXPECT_EQ(mount.read(digest), "content");
  EXPECT_EQ(source_.fetches(digest), 2U);
}

TEST_F(ContentTest, FailsAsTheSourceDoes) {
  for (const Errc code : {Errc::not_found, Errc::denied, Errc::rate_limited, Errc::unavailable,
                          Errc::timed_out, Errc::too_large}) {
    Mount mount(cache(), source_);
    const Digest digest = add(mount, "content");
    source_.fail(digest, code);
    EXPECT_EQ(mount.failure(digest), code);
    EXPECT_EQ(mount.failure(digest), code) << "shared with who asks at once again";
    EXPECT_FALSE(fs::exists(path("partial", digest)));
    source_.behave();
  }
  EXPECT_EQ(source_.fetches(), 6U);
}

// Promise 1, B3.
TEST_F(ContentTest, OpensNothingButWhatTheDigestPromises) {
  const std::string bytes = test::noise(100000);
  std::string flipped = bytes;
  flipped[70000] = static_cast<char>(flipped[70000] ^ 1);
  const std::vector<std::pair<const char*, std::string>> wrong = {
      {"one bit flipped", flipped},
      {"another of the same length", test::noise(bytes.size(), 2)},
      {"one byte more", bytes + "+"},
      {"too short", bytes.substr(0, bytes.size() - 1)},
      {"nothing", ""},
  };
  for (const auto& [what, sent] : wrong) {
    SCOPED_TRACE(what);
    Mount mount(cache(), source_);
    const Digest digest = add(mount, bytes);
    source_.serve_instead(digest, sent);
    const std::size_t before = source_.fetches(digest);
    EXPECT_EQ(mount.failure(digest), Errc::corrupt);
    EXPECT_EQ(source_.fetches(digest), before + 2) << "once more, from the start (RTY-9)";
    EXPECT_EQ(source_.fetches_past_copies(), (before + 2) / 2)
        << "and past what was kept on the way";
    // A source that has other bytes is not asked again for a minute.
    EXPECT_EQ(mount.failure(digest), Errc::corrupt);
    EXPECT_EQ(source_.fetches(digest), before + 2);
    EXPECT_EQ(mount.content.state(digest), State::remote);
    EXPECT_FALSE(fs::exists(path("blobs", digest)));
    EXPECT_FALSE(fs::exists(path("partial", digest)));
    expect_no_wrong_file();
    // Promise 3.
    ASSERT_EQ(mount.lines().size(), 1U);
    const auto problem = mount.lines()[0];
    EXPECT_EQ(problem["kind"], "digest-mismatch");
    EXPECT_EQ(problem["object"], digest.str());
    EXPECT_EQ(problem["promised"]["digest"], digest.str());
    EXPECT_EQ(problem["promised"]["size"], bytes.size());
    EXPECT_EQ(problem["actual"]["digest"], digest_of(sent).str());
    EXPECT_EQ(problem["actual"]["size"], sent.size());
  }
  source_.behave();
  Mount mount(cache(), source_);
  EXPECT_EQ(mount.read(add(mount, bytes)), bytes);
}

TEST_F(ContentTest, OpensNothingWithAByteThatNobodyAnnounced) {
  Mount mount(cache(), source_);
  const Digest digest = add(mount, "content");
  source_.send_one_byte_more(digest);
  EXPECT_EQ(mount.failure(digest), Errc::corrupt);
  expect_no_wrong_file();
}

TEST_F(ContentTest, TakesRightBytesOfAnotherSizeThanADescriptorGives) {
  Mount mount(cache(), source_);
  const Digest digest = source_.add_object(Endpoint::blobs, "content").digest;
  mount.content.meet(digest, Endpoint::blobs, 3);
  EXPECT_EQ(mount.read(digest), "content");
  EXPECT_EQ(mount.content.size(digest)->bytes, 7U);
  EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"size-mismatch", 1}}));
}

TEST_F(ContentTest, BoundsWhatOneFetchMayBring) {
  Mount mount(cache(), source_);
  const Digest announced = add(mount, std::string(1001, 'a'));
  EXPECT_EQ(mount.failure(announced, 1000), Errc::too_large);
  const Digest longer = add(mount, std::string(1000, 'b'));
  source_.send_one_byte_more(longer);
  EXPECT_EQ(mount.failure(longer, 1000), Errc::too_large);
  const Digest fits = add(mount, std::string(1000, 'c'));
  EXPECT_FALSE(mount.failure(fits, 1000));
  EXPECT_FALSE(fs::exists(path("partial", announced)));
  EXPECT_FALSE(fs::exists(path("partial", longer)));
}

TEST_F(ContentTest, ReadsSmallObjectsWhole) {
  Mount mount(cache(), source_);
  const Digest digest = add(mount, std::string(1000, 'a'));
  const auto read = [&](std::size_t limit) {
    return landed([&] { return mount.content.read_small(digest, Patience::unlimited(), limit); });
  };
  EXPECT_EQ(read(1000), std::string(1000, 'a'));
  // Also when it is in the cache already.
  EXPECT_THROW(static_cast<void>(read(999)), Error);
}

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
      {bytes, {1000}},                          // complete
      {std::string(400, 'x'), {400, 0}},        // damaged
      {std::string(1000, 'x'), {1000, 0}},      // damaged, and as long as the object
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

// Promise 2.
TEST_F(ContentTest, HealsAFileThatWasDamagedBetweenMounts) {
  const std::string bytes = test::noise(300000);
  const Digest digest = digest_of(bytes);
  {
    Mount mount(cache(), source_);
    static_cast<void>(mount.open(add(mount, bytes)));
  }
  damage("blobs", digest, "damaged");
  Mount mount(cache(), source_);
  add(mount, bytes);
  EXPECT_EQ(mount.read(digest), bytes);
  EXPECT_EQ(source_.fetches(digest), 2U);
  EXPECT_TRUE(mount.content.take_healed(digest));
  EXPECT_FALSE(mount.content.take_healed(digest)) << "said twice";
  EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"cache-damaged", 1}}));
  expect_no_wrong_file();
}

TEST_F(ContentTest, HealsAFileThatWasDamagedSinceItWasOpened) {
  const std::string bytes = test::noise(300000);
  Mount mount(cache(), source_);
  const Digest digest = add(mount, bytes);
  static_cast<void>(mount.open(digest));
  const std::vector<std::pair<const char*, void (*)(const fs::path&)>> damages = {
      {"overwritten", [](const fs::path& file) { std::ofstream(file, std::ios::in) << "damaged"; }},
      {"truncated", [](const fs::path& file) { fs::resize_file(file, 1000); }},
      {"emptied", [](const fs::path& file) { fs::resize_file(file, 0); }},
      {"extended", [](const fs::path& file) { std::ofstream(file, std::ios::app) << "more"; }},
      {"replaced",
       [](const fs::path& file) {
         fs::remove(file);
         std::ofstream(file) << "other";
       }},
      {"removed", [](const fs::path& file) { fs::remove(file); }},
      {"a fifo",
       [](const fs::path& file) {
         fs::remove(file);
         ::mkfifo(file.c_str(), 0600);
       }},
      {"a link",
       [](const fs::path& file) {
         fs::rename(file, file.native() + ".moved");
         fs::create_symlink(file.native() + ".moved", file);
       }},
  };
  std::size_t fetches = 1;
  for (const auto& [how, apply] : damages) {
    SCOPED_TRACE(how);
    test::await_tick(path("blobs", digest));
    fs::permissions(path("blobs", digest), fs::perms(0644));
    apply(path("blobs", digest));
    EXPECT_EQ(mount.read(digest), bytes);
    EXPECT_EQ(source_.fetches(digest), ++fetches);
    EXPECT_EQ(mount.content.state(digest), State::verified);
  }
}

TEST_F(ContentTest, HashesAFileAgainThatWasOnlyTouched) {
  Mount mount(cache(), source_);
  const Digest digest = add(mount, "content");
  const auto open = mount.open(digest);
  const std::array<timespec, 2> times = {{{1000, 0}, {1000, 0}}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path("blobs", digest).c_str(), times.data(), 0), 0);
  EXPECT_EQ(mount.content.state(digest), State::cached);
  EXPECT_EQ(mount.read(open), "content");
  EXPECT_EQ(mount.read(digest), "content");
  EXPECT_EQ(mount.content.state(digest), State::verified);
  EXPECT_EQ(source_.fetches(digest), 1U);
  EXPECT_FALSE(mount.content.take_healed(digest));
  EXPECT_EQ(mount.problems.text(), "");
}

TEST_F(ContentTest, ReadsNoDamagedByteFromAnOpenFile) {
  const std::string bytes = test::noise(300000);
  Mount mount(cache(), source_);
  const Digest digest = add(mount, bytes);
  const auto open = mount.open(digest);
  damage("blobs", digest, "damaged");
  try {
    static_cast<void>(mount.read(open));
    FAIL() << "read damaged bytes";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
  }
  EXPECT_TRUE(mount.content.take_healed(digest));
  EXPECT_FALSE(fs::exists(path("blobs", digest)));
  EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"cache-damaged", 1}}));
  EXPECT_EQ(mount.read(digest), bytes) << "opened again it is sound";
}

TEST_F(ContentTest, ReadsAnOpenFileThatWasRemoved) {
  Mount mount(cache(), source_);
  const Digest digest = add(mount, std::string(1000, 'a'));
  const auto open = mount.open(digest);
  fs::remove(path("blobs", digest));
  EXPECT_EQ(mount.read(open), std::string(1000, 'a'));
  EXPECT_EQ(mount.problems.text(), "");
}

TEST_F(ContentTest, ReadsPartsOfAFile) {
  Mount mount(cache(), source_);
  const std::string bytes = test::noise(10000);
  const auto file = mount.open(add(mount, bytes));
  std::string part(100, '\0');
  const auto read = [&](std::uint64_t offset) {
    return landed([&] {
      return mount.content.read(file, std::as_writable_bytes(std::span(part)), offset,
                                Patience::unlimited());
    });
  };
  EXPECT_EQ(read(5000), 100U);
  EXPECT_EQ(part, bytes.substr(5000, 100));
  EXPECT_EQ(read(9950), 50U);
  EXPECT_EQ(part.substr(0, 50), bytes.substr(9950));
  EXPECT_EQ(read(10000), 0U);
}

// Promise 7.
TEST_F(ContentTest, ReadsTheCacheWithoutTheSource) {
  const std::string bytes = test::noise(300000);
  const std::string tar = test::tar({{"file", "content"}});
  const Digest digest = digest_of(bytes);
  const Digest layer = digest_of(test::gzip(tar));
  const Digest diff = digest_of(tar);
  {
    Mount mount(cache(), source_);
    static_cast<void>(mount.open(add(mount, bytes)));
    add_layer(mount, test::gzip(tar), diff);
    static_cast<void>(mount.open(diff));
  }
  source_.fail_all(Errc::unavailable);
  const std::size_t asked = source_.fetches();
  for (const Network network : {Network::offline, Network::allowed}) {
    Mount mount(cache(), source_, network);
    mount.content.meet(digest, Endpoint::blobs, {});
    mount.content.meet(layer, Endpoint::blobs, {});
    EXPECT_EQ(mount.read(digest), bytes);
    EXPECT_EQ(mount.read(layer), test::gzip(tar));
    EXPECT_EQ(mount.read(diff), tar);
  }
  EXPECT_EQ(source_.fetches(), asked);
}

// Promise 9: what is not cached is no absence.
TEST_F(ContentTest, TimesOutOfflineOnWhatIsNotCached) {
  Mount mount(cache(), source_, Network::offline);
  const Digest digest = add(mount, "content");
  EXPECT_EQ(mount.failure(digest), Errc::timed_out);
  const Digest diff = digest_of("diff");
  mount.content.meet_diff(diff, digest);
  EXPECT_EQ(mount.failure(diff), Errc::timed_out);
  EXPECT_EQ(source_.fetches(), 0U);
}

TEST_F(ContentTest, ThrowsADamagedFileAwayAlsoOffline) {
  const Digest digest = digest_of("content");
  {
    Mount mount(cache(), source_);
    static_cast<void>(mount.open(add(mount, "content")));
  }
  damage("blobs", digest, "c0ntent");
  Mount mount(cache(), source_, Network::offline);
  mount.content.meet(digest, Endpoint::blobs, {});
  EXPECT_EQ(mount.failure(digest), Errc::timed_out);
  EXPECT_FALSE(fs::exists(path("blobs", digest)));
}

TEST_F(ContentTest, AsksTheSourceWhetherItHasABlob) {
  Mount mount(cache(), source_);
  const auto has = [&](const Digest& digest) {
    return landed([&] { return mount.content.has_blob(digest, Patience::unlimited()); });
  };
  const Digest digest = source_.add_object(Endpoint::blobs, "content").digest;
  EXPECT_TRUE(has(digest));
  EXPECT_TRUE(has(digest));
  EXPECT_EQ(source_.finds(), 1U) << "what was found is known";
  EXPECT_EQ(source_.fetches(), 0U);
  EXPECT_EQ(mount.content.size(digest)->bytes, 7U);
  EXPECT_EQ(mount.read(digest), "content") << "it is met by that";

  EXPECT_FALSE(has(digest_of("absent")));
  // Only behind the other endpoint.
  const Digest manifest = source_.add_object(Endpoint::manifests, "{}").digest;
  mount.content.meet(manifest, Endpoint::manifests, 2);
  EXPECT_FALSE(has(manifest));
  // A failure is no absence.
  const Digest unknown = digest_of("unknown");
  source_.fail(unknown, Errc::unavailable);
  EXPECT_THROW(static_cast<void>(has(unknown)), Error);
}

TEST_F(ContentTest, LooksForABlobInTheCacheWhenOffline) {
  const Digest digest = digest_of("content");
  {
    Mount mount(cache(), source_);
    static_cast<void>(mount.open(add(mount, "content")));
  }
  Mount mount(cache(), source_, Network::offline);
  const auto has = [&](const Digest& wanted) {
    return landed([&] { return mount.content.has_blob(wanted, Patience::unlimited()); });
  };
  EXPECT_TRUE(has(digest));
  EXPECT_EQ(mount.read(digest), "content");
  EXPECT_THROW(static_cast<void>(has(digest_of("unknown"))), Error);
  EXPECT_EQ(source_.finds(), 0U);
}

TEST_F(ContentTest, WaitsNoLongerThanItsCallerMay) {
  Mount mount(cache(), source_);
  const Digest digest = add(mount, "content");
  source_.stall(digest);
  // Has waited already; the download goes on all the same.
  const Patience used_up{Clock::now() - std::chrono::seconds(6), std::chrono::seconds(5)};
  try {
    static_cast<void>(mount.content.open(digest, used_up));
    FAIL() << "opened what has not come";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::timed_out);
  }
  source_.release();
  EXPECT_EQ(mount.read(digest), "content");
  EXPECT_EQ(source_.fetches(digest), 1U);
}

TEST_F(ContentTest, DecompressesALayerOfAnyCompression) {
  const std::string tar = test::tar({{"etc", "", '5'}, {"etc/file", test::noise(5000)}});
  const Digest diff = digest_of(tar);
  for (const auto& blob : {test::gzip(tar), test::zstd(tar), tar + std::string()}) {
    test::TemporaryDirectory directory;
    Mount mount(directory.path() / "cache", source_);
    const Digest layer = add_layer(mount, blob, diff);
    const std::size_t before = source_.fetches(layer);
    EXPECT_TRUE(mount.content.has_diff(diff));
    EXPECT_EQ(mount.content.diff_of(layer), diff);
    EXPECT_EQ(mount.read(diff), tar);
    EXPECT_EQ(mount.read(layer), blob);
    EXPECT_EQ(source_.fetches(layer), before + 1) << "once for both";
    EXPECT_EQ(mount.content.diff_of(layer), diff);
    EXPECT_FALSE(mount.content.actual_diff(diff, layer));
    EXPECT_EQ(mount.problems.text(), "");
  }
}

TEST_F(ContentTest, DecompressesTheEmptyLayer) {
  Mount mount(cache(), source_);
  const Digest diff =
      Digest::parse("sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef")
          .value();
  add_layer(mount, test::gzip(std::string(1024, '\0')), diff);
  EXPECT_EQ(mount.read(diff), std::string(1024, '\0'));
}

// D5: an empty tar (MT-2).
TEST_F(ContentTest, DecompressesALayerOfNoBytes) {
  Mount mount(cache(), source_);
  add_layer(mount, "", digest_of(""));
  EXPECT_EQ(mount.read(digest_of("")), "");
}

// DEC-f.
TEST_F(ContentTest, VerifiesADiffByItsOwnAlgorithm) {
  Mount mount(cache(), source_);
  const std::string tar = test::tar({{"file", "content"}});
  const Digest diff = digest_of(tar, "sha512");
  add_layer(mount, test::gzip(tar), diff);
  EXPECT_EQ(mount.read(diff), tar);
}

TEST_F(ContentTest, DecompressesOnceHoweverManyAsk) {
  Mount mount(cache(), source_);
  const std::string tar = test::tar({{"file", test::noise(200000)}});
  const Digest diff = digest_of(tar);
  const Digest layer = add_layer(mount, test::gzip(tar), diff);
  source_.stall(layer);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      if (i % 2 == 0) {
        EXPECT_EQ(mount.read(diff), tar);
      } else {
        EXPECT_EQ(mount.read(layer), test::gzip(tar));
      }
    });
  }
  source_.await_stalled(1);
  source_.release();
  threads.clear();
  EXPECT_EQ(source_.fetches(layer), 1U);
  EXPECT_FALSE(fs::exists(path("partial", diff)));
}

// D2.
TEST_F(ContentTest, RemarksOnWhatFollowsALayer) {
  Mount mount(cache(), source_);
  const std::string tar = test::tar({{"file", "content"}});
  const Digest layer = add_layer(mount, test::gzip(tar) + "garbage", digest_of(tar));
  EXPECT_EQ(mount.read(digest_of(tar)), tar);
  ASSERT_EQ(mount.lines().size(), 1U);
  EXPECT_EQ(mount.lines()[0]["kind"], "remark");
  EXPECT_EQ(mount.lines()[0]["object"], layer.str());
}

// M18: one diff_id for all layers of a large manifest, met again at each look at its image.
TEST_F(ContentTest, M18MeetsManyLayersThatPromiseOneDiff) {
  Mount mount(cache(), source_);
  const Digest diff = digest_of("diff");
  std::vector<Digest> layers;
  for (int i = 0; i < 50'000; ++i) layers.push_back(digest_of(std::to_string(i)));
  for (int look = 0; look < 10; ++look) {
    for (const Digest& layer : layers) mount.content.meet_diff(diff, layer);
  }
  EXPECT_TRUE(mount.content.has_diff(diff));
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(mount.content.size(diff));
  EXPECT_EQ(mount.content.diff_of(layers.back()), diff);
}

TEST_F(ContentTest, MeetsADiffForAllAtOnce) {
  // Whoever comes second, while the first still looks for a note on disk, must not find half.
  for (int round = 0; round < 200; ++round) {
    Mount mount(cache(), source_);
    const std::string tar = test::tar({{"file", std::to_string(round)}});
    const Digest diff = digest_of(tar);
    const Digest layer = add(mount, test::gzip(tar));
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        mount.content.meet_diff(diff, layer);
        EXPECT_TRUE(mount.content.has_diff(diff));
        EXPECT_FALSE(mount.failure(diff));
      });
    }
  }
}

// D6, promise 3: (a) another tar; (b) other bytes only after its end.
TEST_F(ContentTest, KeepsADiffThatWasNotPromisedUnderItsTrueName) {
  const std::string tar = test::tar({{"file", "content"}});
  for (const auto& actual : {test::tar({{"file", "c0ntent"}}), tar + std::string(512, '\0')}) {
    test::TemporaryDirectory directory;
    const fs::path folder = directory.path() / "cache";
    Mount mount(folder, source_);
    const Digest promised = digest_of(tar);
    const Digest layer = add_layer(mount, test::gzip(actual), promised);
    EXPECT_EQ(mount.failure(promised), Errc::corrupt);
    EXPECT_EQ(mount.content.state(promised), State::remote);
    ASSERT_TRUE(mount.content.actual_diff(promised, layer));
    EXPECT_EQ(mount.content.actual_diff(promised, layer)->digest, digest_of(actual));
    EXPECT_EQ(mount.content.actual_diff(promised, layer)->size, actual.size());
    EXPECT_EQ(mount.content.diff_of(layer), digest_of(actual));
    EXPECT_TRUE(mount.content.has_diff(digest_of(actual)));
    EXPECT_EQ(mount.read(digest_of(actual)), actual);
    EXPECT_EQ(mount.read(layer), test::gzip(actual)) << "the blob is what it should be";
    EXPECT_EQ(test::wrong_files(folder), std::vector<std::string>{});
    ASSERT_EQ(mount.lines().size(), 1U);
    const auto problem = mount.lines()[0];
    EXPECT_EQ(problem["kind"], "diff-mismatch");
    EXPECT_EQ(problem["object"], promised.str());
    EXPECT_EQ(problem["promised"]["digest"], promised.str());
    EXPECT_EQ(problem["actual"]["digest"], digest_of(actual).str());
    EXPECT_EQ(problem["actual"]["size"], actual.size());
  }
}

// D3.
TEST_F(ContentTest, OpensNoDiffOfALayerThatCannotBeDecompressed) {
  const std::string tar = test::tar({{"file", test::noise(5000)}});
  const std::string gzip = test::gzip(tar);
  std::string bad_crc = gzip;
  bad_crc[gzip.size() - 8] = static_cast<char>(bad_crc[gzip.size() - 8] ^ 1);
  std::string bad_size = gzip;
  bad_size[gzip.size() - 4] = static_cast<char>(bad_size[gzip.size() - 4] ^ 1);
  const std::string zstd = test::zstd(tar);
  for (const auto& blob : {gzip.substr(0, gzip.size() - 4), gzip.substr(0, gzip.size() / 2),
                           bad_crc, bad_size, zstd.substr(0, zstd.size() - 1)}) {
    test::TemporaryDirectory directory;
    const fs::path folder = directory.path() / "cache";
    Mount mount(folder, source_);
    const Digest layer = add_layer(mount, blob, digest_of(tar));
    EXPECT_EQ(mount.failure(digest_of(tar)), Errc::corrupt);
    EXPECT_EQ(mount.read(layer), blob) << "as it is stored it stays readable";
    EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"undecodable", 1}}));
    EXPECT_TRUE(fs::is_empty(folder / "partial/sha256"));
    EXPECT_FALSE(fs::exists(folder / "diffs/sha256"));
  }
}

// DEC-c.
TEST_F(ContentTest, OpensNoDiffOfACompressionItCannotRead) {
  Mount mount(cache(), source_);
  const Digest layer = add_layer(mount, "BZh91AY&SY", digest_of("diff"));
  EXPECT_EQ(mount.failure(digest_of("diff")), Errc::unsupported);
  EXPECT_EQ(mount.read(layer), "BZh91AY&SY");
}

TEST_F(ContentTest, DecompressesADamagedDiffAnewWithoutTheSource) {
  const std::string tar = test::tar({{"file", test::noise(5000)}});
  const Digest diff = digest_of(tar);
  {
    Mount mount(cache(), source_);
    add_layer(mount, test::gzip(tar), diff);
    static_cast<void>(mount.open(diff));
  }
  damage("diffs", diff, "damaged");
  Mount mount(cache(), source_, Network::offline);
  add_layer(mount, test::gzip(tar), diff);
  EXPECT_EQ(mount.read(diff), tar);
  EXPECT_EQ(source_.fetches(), 1U);
  EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"cache-damaged", 1}}));
}

TEST_F(ContentTest, HealsALayerThatADiffIsMadeOf) {
  const std::string tar = test::tar({{"file", test::noise(5000)}});
  const Digest diff = digest_of(tar);
  const Digest layer = digest_of(test::gzip(tar));
  {
    Mount mount(cache(), source_);
    static_cast<void>(mount.open(add(mount, test::gzip(tar))));
  }
  damage("blobs", layer, "damaged");
  Mount mount(cache(), source_);
  add_layer(mount, test::gzip(tar), diff);
  EXPECT_EQ(mount.read(diff), tar);
  EXPECT_EQ(source_.fetches(), 2U);
}

TEST_F(ContentTest, SaysASizeAsFarAsItIsKnown) {
  const std::string tar = test::tar({{"file", std::string(50000, 'x')}});
  const std::string blob = test::gzip(tar);
  const Digest diff = digest_of(tar);
  const Digest layer = digest_of(blob);
  {
    Mount mount(cache(), source_);
    EXPECT_FALSE(mount.content.size(layer));
    add_layer(mount, blob, diff);
    EXPECT_EQ(mount.content.size(layer)->bytes, blob.size());
    EXPECT_TRUE(mount.content.size(layer)->exact);
    EXPECT_FALSE(mount.content.size(layer)->proven);
    // A placeholder: the blob's.
    EXPECT_EQ(mount.content.size(diff)->bytes, blob.size());
    EXPECT_FALSE(mount.content.size(diff)->exact);
    static_cast<void>(mount.open(diff));
    EXPECT_EQ(mount.content.size(diff)->bytes, tar.size());
    EXPECT_TRUE(mount.content.size(diff)->proven);
    EXPECT_TRUE(mount.content.size(layer)->proven);
    EXPECT_EQ(source_.fetches(), 1U) << "sizes cost nothing";
  }
  // Exact for ever after, also when the content is gone (design, "Sizes").
  fs::remove(path("diffs", diff));
  fs::remove(path("blobs", layer));
  Mount mount(cache(), source_, Network::offline);
  add_layer(mount, blob, diff);
  EXPECT_EQ(mount.content.size(diff)->bytes, tar.size());
  EXPECT_TRUE(mount.content.size(diff)->exact);
  EXPECT_FALSE(mount.content.size(diff)->proven);
}

TEST_F(ContentTest, SaysNoPlaceholderOfZero) {
  Mount mount(cache(), source_);
  const Digest layer = digest_of("layer");
  mount.content.meet(layer, Endpoint::blobs, 0);
  mount.content.meet_diff(digest_of("diff"), layer);
  EXPECT_EQ(mount.content.size(digest_of("diff"))->bytes, 1U);
  mount.content.meet(digest_of("unknown"), Endpoint::blobs, {});
  EXPECT_EQ(mount.content.size(digest_of("unknown"))->bytes, 1U);
  EXPECT_FALSE(mount.content.size(digest_of("unknown"))->exact);
}

// A note beside a layer is a file of the cache: not trusted.
TEST_F(ContentTest, BelievesNoNoteThatMakesNoSense) {
  const std::string tar = test::tar({{"file", "content"}});
  const std::string blob = test::gzip(tar);
  const std::string name = "sha256-" + std::string(digest_of(blob).encoded()) + ".json";
  const std::string other = digest_of("other").str();
  for (const auto& note : {""s, "{"s, "[]"s, "null"s, R"({"diff":")" + other + R"(","size":5})",
                           R"({"diff":")" + digest_of(tar).str() + R"(","size":-5})",
                           R"({"diff":")" + digest_of(tar).str() + R"(","size":"5"})",
                           R"({"diff":7,"size":5})"s, R"({"size":5})"s, "\xff\xfe"s}) {
    Mount mount(cache(), source_);
    mount.store.write_note("layers", name, note);
    add_layer(mount, blob, digest_of(tar));
    EXPECT_EQ(mount.content.size(digest_of(tar))->bytes, blob.size()) << note;
  }
}

}  // namespace
}  // namespace digestfs::cache
