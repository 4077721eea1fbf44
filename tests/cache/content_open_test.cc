// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <fstream>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "cache/content.h"
#include "tests/cache/content_fixture.h"

namespace digestfs::cache {
namespace {

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

}  // namespace
}  // namespace digestfs::cache
