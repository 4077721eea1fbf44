// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "cache/content.h"
#include "tests/cache/content_fixture.h"

namespace digestfs::cache {
namespace {

/// Layers that are unpacked while they arrive: they are larger than 1 MiB.
class ArrivingLayersTest : public ContentTest {
 protected:
  static std::string tar_of(std::uint64_t seed) {
    return test::tar({{"file", test::noise(3'000'000, seed)}});
  }
  /// Returns the flight that unpacks a layer while it arrives, once it has done `bytes` of it.
  static std::shared_ptr<const Flight> await_unpacking(const Mount& mount, std::uint64_t bytes) {
    for (int i = 0; i < 6000; ++i) {
      for (auto& flight : mount.workers.flights()) {
        if (is_following(*flight) && flight->progress().done >= bytes) return flight;
      }
      std::this_thread::sleep_for(10ms);
    }
    throw Error(Errc::timed_out, "nothing is unpacked while it arrives");
  }
  static bool is_following(const Flight& flight) {
    return flight.name().ends_with("while it arrives");
  }
  /// Waits until nothing is unpacked any longer while it arrives.
  static void await_the_end(const Mount& mount) {
    for (int i = 0; i < 6000; ++i) {
      const auto flights = mount.workers.flights();
      if (std::ranges::none_of(flights, [](auto& flight) { return is_following(*flight); })) return;
      std::this_thread::sleep_for(10ms);
    }
    ADD_FAILURE() << "the unpacking does not end";
  }
  /// The names of the files in which something is being made.
  [[nodiscard]] std::vector<std::string> partial_files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(cache() / "partial")) {
      if (entry.is_regular_file()) names.push_back(entry.path().filename());
    }
    return names;
  }
  /// Reads a diff in a thread of its own.
  std::jthread read_aside(Mount& mount, const Digest& diff, std::string& read) {
    return std::jthread([&mount, diff, &read] { read = mount.read(diff); });
  }
};

TEST_F(ArrivingLayersTest, AreUnpackedBeforeAllIsThere) {
  Mount mount(cache(), source_);
  const std::string tar = tar_of(1);
  const std::string blob = test::gzip(tar);
  const Digest layer = add_layer(mount, blob, digest_of(tar));
  source_.stall_after(layer, 2'000'000);
  std::string read;
  auto reader = read_aside(mount, digest_of(tar), read);
  const auto flight = await_unpacking(mount, 1'500'000);
  EXPECT_FALSE(flight->has_landed());
  EXPECT_FALSE(fs::exists(path("diffs", digest_of(tar)))) << "nobody sees what is not verified";
  source_.release();
  reader.join();
  EXPECT_TRUE(read == tar);
  await_the_end(mount);
  EXPECT_TRUE(flight->has_landed());
  EXPECT_FALSE(flight->has_given_up()) << "it was not done a second time";
  EXPECT_EQ(source_.fetches(layer), 1U);
  EXPECT_EQ(mount.content.diff_of(layer), digest_of(tar));
  EXPECT_TRUE(mount.read(layer) == blob);
  EXPECT_EQ(mount.problems.text(), "");
  expect_no_wrong_file();
}

// A blob that hashes to something else may well decompress to the right tar: another level of gzip.
TEST_F(ArrivingLayersTest, AreThrownAwayIfTheBlobIsWrong) {
  Mount mount(cache(), source_);
  const std::string tar = tar_of(2);
  const Digest layer = add_layer(mount, test::gzip(tar), digest_of(tar));
  source_.serve_instead(layer, test::zstd(tar));
  EXPECT_EQ(mount.failure(digest_of(tar)), Errc::corrupt);
  await_the_end(mount);
  EXPECT_FALSE(fs::exists(path("diffs", digest_of(tar))));
  EXPECT_EQ(partial_files(), std::vector<std::string>{});
  EXPECT_FALSE(fs::exists(path("blobs", layer)));
  EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"digest-mismatch", 1}}));
  expect_no_wrong_file();
}

// Promise 3: the sentence about a layer that cannot be decompressed is said once, about the layer.
TEST_F(ArrivingLayersTest, ThatAreBrokenAreReportedOnce) {
  Mount mount(cache(), source_);
  const std::string tar = tar_of(3);
  std::string blob = test::gzip(tar);
  blob.resize(blob.size() - 100'000);
  const Digest layer = add_layer(mount, blob, digest_of(tar));
  EXPECT_EQ(mount.failure(digest_of(tar)), Errc::corrupt);
  EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"undecodable", 1}}));
  EXPECT_TRUE(mount.read(layer) == blob);
  EXPECT_EQ(source_.fetches(layer), 1U);
  expect_no_wrong_file();
}

TEST_F(ArrivingLayersTest, ThatAreSomethingElseAreKeptUnderTheirTrueDigest) {
  Mount mount(cache(), source_);
  const std::string tar = tar_of(4);
  const Digest promised = digest_of("something else");
  const Digest layer = add_layer(mount, test::gzip(tar), promised);
  EXPECT_EQ(mount.failure(promised), Errc::corrupt);
  EXPECT_EQ(mount.content.actual_diff(promised, layer)->digest, digest_of(tar));
  EXPECT_TRUE(mount.read(digest_of(tar)) == tar);
  EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"diff-mismatch", 1}}));
}

TEST_F(ArrivingLayersTest, GoOnWhereTheDownloadWasCut) {
  Mount mount(cache(), source_);
  const std::string tar = tar_of(5);
  const Digest layer = add_layer(mount, test::gzip(tar), digest_of(tar));
  source_.cut_after(layer, 1'400'000, MemorySource::Times::once);
  EXPECT_TRUE(mount.read(digest_of(tar)) == tar);
  EXPECT_EQ(source_.fetches(layer), 2U);
  expect_no_wrong_file();
}

// RTY-8: a server without ranges starts over, and so does what was made of the first bytes.
TEST_F(ArrivingLayersTest, BeginAnewWithTheDownload) {
  Mount mount(cache(), source_);
  const std::string tar = tar_of(6);
  const Digest layer = add_layer(mount, test::gzip(tar), digest_of(tar));
  source_.refuse_offsets();
  source_.cut_after(layer, 1'400'000, MemorySource::Times::once);
  EXPECT_TRUE(mount.read(digest_of(tar)) == tar);
  expect_no_wrong_file();
}

// Promise 10: what arrives slowly holds nobody up. There is one place for such work here.
TEST_F(ArrivingLayersTest, ThatStallDelayNoOtherLayer) {
  Mount mount(cache(), source_);
  const std::string slow = tar_of(7);
  const std::string fast = tar_of(8);
  const Digest slow_layer = add_layer(mount, test::gzip(slow), digest_of(slow));
  static_cast<void>(add_layer(mount, test::gzip(fast), digest_of(fast)));
  source_.stall_after(slow_layer, 1'000'000);
  std::string read;
  auto reader = read_aside(mount, digest_of(slow), read);
  static_cast<void>(await_unpacking(mount, 500'000));
  EXPECT_TRUE(mount.read(digest_of(fast)) == fast);
  EXPECT_EQ(read, "");
  source_.release();
  reader.join();
  EXPECT_TRUE(read == slow);
}

// The same tar is in another layer, which is there already: nobody waits for the slow one.
TEST_F(ArrivingLayersTest, HoldNothingThatAnotherLayerOfTheDiffNeeds) {
  Mount mount(cache(), source_);
  const std::string tar = tar_of(10);
  const Digest slow = add_layer(mount, test::gzip(tar), digest_of(tar));
  source_.stall_after(slow, 1'000'000);
  std::string read;
  auto reader = read_aside(mount, digest_of(tar), read);
  static_cast<void>(await_unpacking(mount, 500'000));
  const Digest fast = add_layer(mount, test::zstd(tar), digest_of(tar));
  static_cast<void>(mount.read(fast));
  EXPECT_TRUE(mount.read(digest_of(tar)) == tar);
  source_.release();
  reader.join();
  EXPECT_TRUE(read == tar);
  await_the_end(mount);
  EXPECT_EQ(partial_files(), std::vector<std::string>{});
  expect_no_wrong_file();
}

// A download that cannot even begin must not leave anybody waiting for what it would bring.
TEST_F(ArrivingLayersTest, AreNotWaitedForIfTheDownloadCannotBegin) {
  Mount mount(cache(), source_);
  const std::string tar = tar_of(11);
  const Digest layer = add_layer(mount, test::gzip(tar), digest_of(tar));
  std::optional<Partial> held = mount.store.claim(layer).take_any();
  try {
    static_cast<void>(mount.content.open(digest_of(tar), Patience::unlimited()));
    FAIL() << "it was there";
  } catch (const Pending& pending) {
    ASSERT_EQ(pending.others.size(), 1U);
    mount.workers.stop();
    EXPECT_TRUE(pending.others.front()->has_landed());
  }
}

TEST_F(ArrivingLayersTest, EndWithTheMount) {
  const std::string tar = tar_of(9);
  auto mount = std::make_unique<Mount>(cache(), source_);
  const Digest layer = add_layer(*mount, test::gzip(tar), digest_of(tar));
  source_.stall_after(layer, 2'000'000);
  try {
    static_cast<void>(mount->content.open(digest_of(tar), Patience::unlimited()));
    FAIL() << "it was there";
  } catch (const Pending& pending) {
    EXPECT_EQ(pending.others.size(), 1U) << "the caller waits for the unpacking as well";
  }
  static_cast<void>(await_unpacking(*mount, 1'000'000));
  mount.reset();
  expect_no_wrong_file();
  // A later mount goes on with the download.
  source_.release();
  Mount later(cache(), source_);
  later.content.meet(layer, Endpoint::blobs, source_.find(Endpoint::blobs, layer, {})->size);
  later.content.meet_diff(digest_of(tar), layer);
  EXPECT_TRUE(later.read(digest_of(tar)) == tar);
  expect_no_wrong_file();
}

}  // namespace
}  // namespace digestfs::cache
