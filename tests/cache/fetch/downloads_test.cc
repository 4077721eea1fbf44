// SPDX-License-Identifier: Apache-2.0
#include "cache/fetch/downloads.h"

#include <fstream>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "cache/open/block_sums.h"
#include "tests/cache/content_fixture.h"

namespace digestfs::cache {
namespace {

/// A source behind which somebody else writes to the partial file of each transfer, as soon as all
/// bytes have come.
class MeddledSource final : public registry::Source {
 public:
  MeddledSource(MemorySource& source, fs::path cache, int times)
      : source_(source), cache_(std::move(cache)), times_(times) {}

  [[nodiscard]] const std::string& name() const override { return source_.name(); }
  [[nodiscard]] registry::TagPage list_tags(const std::optional<std::string>& page,
                                            const Request& request) override {
    return source_.list_tags(page, request);
  }
  [[nodiscard]] std::optional<registry::Descriptor> resolve(const std::string& tag,
                                                            const Request& request) override {
    return source_.resolve(tag, request);
  }
  [[nodiscard]] std::optional<std::vector<registry::Descriptor>> list_referrers(
      const Digest& subject, const Request& request) override {
    return source_.list_referrers(subject, request);
  }
  [[nodiscard]] std::optional<registry::ObjectInfo> find(Endpoint endpoint, const Digest& digest,
                                                         const Request& request) override {
    return source_.find(endpoint, digest, request);
  }
  void fetch(Endpoint endpoint, const Digest& digest, const registry::Range& range,
             registry::ObjectSink& sink, const Request& request) override {
    source_.fetch(endpoint, digest, range, sink, request);
    if (times_-- <= 0) return;
    const fs::path file = cache_ / "partial" / digest.algorithm() / digest.encoded();
    std::fstream(file, std::ios::in | std::ios::out | std::ios::binary) << "meddled";
  }

 private:
  MemorySource& source_;
  fs::path cache_;
  int times_;
};

class DownloadsTest : public ContentTest {
 protected:
  /// Has `mount` meet a layer that is not compressed: it is its own diff.
  Digest add_tar(Mount& mount, const std::string& tar) {
    return add_layer(mount, tar, digest_of(tar));
  }
  /// Expects that the cache has the sums of all blocks of `tar`, and that a later mount reads it by
  /// them: damage in one block is not seen by who reads another.
  void expect_kept_sums(const std::string& tar) {
    const Digest digest = digest_of(tar);
    BlockSummer summer;
    summer.update(as_bytes(tar));
    EXPECT_EQ(BlockSums::parse(test::slurp(path("sums", digest)), digest, tar.size()),
              summer.finish());
    damage("blobs", digest, "damaged");
    Mount later(cache(), source_);
    add_tar(later, tar);
    const std::uint64_t fetches = source_.fetches(digest);
    const auto open = [&] {
      return landed([&] { return later.content.open_by_blocks(digest, Patience::unlimited()); });
    };
    std::string last(100, '\0');
    last.resize(landed([&] {
      return later.content.read(open(), std::as_writable_bytes(std::span(last)), tar.size() - 100,
                                Patience::unlimited());
    }));
    EXPECT_EQ(last, tar.substr(tar.size() - 100));
    EXPECT_EQ(later.content.state(digest), State::cached) << "all of it was hashed";
    EXPECT_EQ(later.problems.text(), "");
    EXPECT_EQ(source_.fetches(digest), fetches);
    EXPECT_EQ(later.read(digest), tar);
    EXPECT_EQ(later.kinds(), (std::map<std::string, int>{{"cache-damaged", 1}}));
  }
};

TEST_F(DownloadsTest, B2KeepSumsOfALayerThatIsNotCompressed) {
  // The larger one is hashed while it arrives.
  for (const std::size_t size : {std::size_t{600'000}, std::size_t{3'000'000}}) {
    SCOPED_TRACE(size);
    const std::string tar = test::tar({{"file", test::noise(size)}});
    {
      Mount mount(cache(), source_);
      static_cast<void>(mount.open(add_tar(mount, tar)));
    }
    expect_kept_sums(tar);
  }
}

TEST_F(DownloadsTest, B2KeepSumsOfAllOfALayerThatAnEarlierMountBegan) {
  const std::string tar = test::tar({{"file", test::noise(3'000'000)}});
  const Digest digest = digest_of(tar);
  {
    Mount mount(cache(), source_);
    add_tar(mount, tar);
    source_.cut_after(digest, 100'000, MemorySource::Times::always);
    EXPECT_EQ(mount.failure(digest), Errc::unavailable);
  }
  source_.behave();
  Mount mount(cache(), source_);
  static_cast<void>(mount.open(add_tar(mount, tar)));
  EXPECT_GE(source_.offsets(digest).back(), 100'000U);
  expect_kept_sums(tar);
}

TEST_F(DownloadsTest, B2KeepSumsOfWhatWasHashedAgainBecauseSomebodyElseWroteToIt) {
  const std::string tar = test::tar({{"file", test::noise(3'000'000)}});
  {
    MeddledSource meddled(source_, cache(), 1);
    Mount mount(cache(), meddled);
    EXPECT_EQ(mount.read(add_tar(mount, tar)), tar);
  }
  expect_kept_sums(tar);
}

TEST_F(DownloadsTest, MakeNoSumsOfALayerThatIsCompressed) {
  const std::string tar = test::tar({{"file", test::noise(3'000'000)}});
  Mount mount(cache(), source_);
  const Digest layer = add_layer(mount, test::gzip(tar), digest_of(tar));
  EXPECT_EQ(mount.read(digest_of(tar)), tar);
  EXPECT_TRUE(fs::exists(path("sums", digest_of(tar))));
  EXPECT_TRUE(fs::exists(path("blobs", layer)));
  EXPECT_FALSE(fs::exists(path("sums", layer)));
}

// The hash was of the bytes that came, not of the file that was kept: a byte that somebody else
// changed in the partial file was served under the digest.
TEST_F(DownloadsTest, FetchAgainWhatSomebodyElseWroteTo) {
  MeddledSource meddled(source_, cache(), 1);
  Mount mount(cache(), meddled);
  const std::string bytes = test::noise(300000);
  const Digest digest = add(mount, bytes);
  EXPECT_EQ(mount.read(digest), bytes);
  EXPECT_EQ(source_.fetches(digest), 2U);
  expect_no_wrong_file();
}

TEST_F(DownloadsTest, NeverKeepWhatSomebodyElseWroteToUnderItsDigest) {
  MeddledSource meddled(source_, cache(), 100);
  Mount mount(cache(), meddled);
  const std::string bytes = test::noise(300000);
  const Digest digest = add(mount, bytes);
  EXPECT_EQ(mount.failure(digest), Errc::corrupt);
  EXPECT_EQ(mount.content.state(digest), State::remote);
  // What is in quarantine has its true name as well.
  const std::string kept = "meddled" + bytes.substr(7);
  EXPECT_EQ(mount.content.quarantined().digests, std::vector<Digest>{digest_of(kept)});
  EXPECT_EQ(mount.read(digest_of(kept)), kept);
  expect_no_wrong_file();
}

/// Writes to the partial file of a diff while the layer is unpacked to it.
class MeddlingObserver final : public TarObserver {
 public:
  explicit MeddlingObserver(fs::path file) : file_(std::move(file)) {}
  void see(std::span<const std::byte>) noexcept override {
    std::fstream(file_, std::ios::in | std::ios::out | std::ios::binary) << "meddled";
  }
  void end() noexcept override {}

 private:
  fs::path file_;
};

TEST_F(DownloadsTest, UnpackAgainWhatSomebodyElseWroteTo) {
  Mount mount(cache(), source_);
  const std::string tar = test::tar({{"file", test::noise(300000)}});
  const Digest diff = digest_of(tar);
  add_layer(mount, test::gzip(tar), diff);
  int observers = 0;
  const auto observe = [&]() -> std::unique_ptr<TarObserver> {
    if (++observers > 1) return nullptr;
    return std::make_unique<MeddlingObserver>(path("partial", diff));
  };
  const auto file = landed([&] {
    return mount.content.open(diff, Patience::unlimited(), Lane::download, Content::kNoLimit,
                              observe);
  });
  EXPECT_EQ(mount.read(file), tar);
  EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"cache-damaged", 1}}));
  expect_no_wrong_file();
}

// Four killed readers of four large layers occupied all places, and the next reader queued behind
// downloads that nobody wanted.
TEST_F(DownloadsTest, GiveUpTheirPlaceWhenNobodyWaitsForThem) {
  Mount mount(cache(), source_);
  std::vector<Digest> layers;
  for (int i = 0; i < 4; ++i) {
    const Digest digest = add(mount, test::noise(2000000) + std::to_string(i));
    source_.stall_after(digest, 100000);
    // The reader is killed as soon as the download has begun: nobody waits any longer.
    try {
      static_cast<void>(mount.content.open(digest, Patience::unlimited()));
      FAIL() << "it is not in the cache";
    } catch (const Pending& pending) {
      const auto reader = pending.waiters();
      source_.await_stalled(static_cast<std::size_t>(i) + 1);
    }
    layers.push_back(digest);
  }
  const std::string wanted = test::noise(2000000);  // a small one would not need their places
  EXPECT_EQ(mount.read(add(mount, wanted)), wanted);
  source_.behave();
  // What the ended download left is not lost: the next reader goes on with it.
  for (const Digest& digest : layers) EXPECT_EQ(mount.open(digest)->digest(), digest);
  std::size_t resumed = 0;
  for (const Digest& digest : layers) {
    if (source_.offsets(digest) == std::vector<std::uint64_t>{0, 100000}) ++resumed;
  }
  EXPECT_EQ(resumed, 1U) << "only as many end as are in the way";
}

// Promise 10. The first read of a small blob queued behind layers.
TEST_F(DownloadsTest, OfSmallBlobsDoNotQueueBehindLayers) {
  Mount mount(cache(), source_);
  std::vector<Waiter> readers;
  for (int i = 0; i < 4; ++i) {
    const Digest digest = add(mount, test::noise(2000000) + std::to_string(i));
    source_.stall_after(digest, 100000);
    try {
      static_cast<void>(mount.content.open(digest, Patience::unlimited()));
      FAIL() << "it is not in the cache";
    } catch (const Pending& pending) {
      readers.emplace_back(pending.flight);  // whoever waits keeps the place
    }
  }
  source_.await_stalled(4);
  EXPECT_EQ(mount.read(add(mount, "small")), "small");
  source_.release();
}

// Four partial files that another process held occupied all places for as long as it held them.
TEST_F(DownloadsTest, ThatWaitForAnotherProcessHoldNoPlace) {
  StoreLimits limits{.free_percent = 0};
  limits.idle = 1h;
  Mount mount(cache(), source_, Network::allowed, limits);
  std::vector<Partial> held;
  std::vector<Digest> layers;
  std::vector<Waiter> readers;
  for (int i = 0; i < 4; ++i) {
    const Digest digest = add(mount, test::noise(2000000) + std::to_string(i));
    held.push_back(mount.store.take_partial(digest, {}));
    try {
      static_cast<void>(mount.content.open(digest, Patience::unlimited()));
      FAIL() << "another process has it";
    } catch (const Pending& pending) {
      readers.emplace_back(pending.flight);
    }
    layers.push_back(digest);
  }
  const std::string fifth = test::noise(2000000);
  EXPECT_EQ(mount.read(add(mount, fifth)), fifth);
  for (const Digest& digest : layers) EXPECT_EQ(source_.fetches(digest), 0U);
  held.clear();
  for (const Digest& digest : layers) EXPECT_EQ(mount.open(digest)->digest(), digest);
}

// The same of diffs, on the two threads of the disk.
TEST_F(DownloadsTest, AndDiffsThatWaitForAnotherProcessHoldNoPlace) {
  StoreLimits limits{.free_percent = 0};
  limits.idle = 1h;
  Mount mount(cache(), source_, Network::allowed, limits);
  const auto add_tar = [&](const std::string& name) {
    const std::string tar = test::tar({{name, test::noise(9000000)}});
    // What arrives is unpacked in a file that no other process has.
    static_cast<void>(mount.open(add_layer(mount, test::gzip(tar), digest_of(tar))));
    return digest_of(tar);
  };
  std::vector<Partial> held;
  std::vector<std::shared_ptr<Flight>> waiting;
  for (const std::string name : {"a", "b"}) {
    const Digest diff = add_tar(name);
    held.push_back(mount.store.take_partial(diff, {}));
    for (bool is_unpacking = false; !is_unpacking;) {
      try {
        static_cast<void>(mount.content.open(diff, Patience::unlimited()));
        FAIL() << "another process has it";
      } catch (const Pending& pending) {
        is_unpacking = pending.flight->name().starts_with("unpack");
        if (is_unpacking) waiting.push_back(pending.flight);
      }
      std::this_thread::yield();
    }
  }
  const Digest third = add_tar("c");
  EXPECT_EQ(mount.open(third)->digest(), third);
  for (const auto& flight : waiting) EXPECT_FALSE(flight->has_landed());
}

// It works in a file of its own once the other has made no progress for that long.
TEST_F(DownloadsTest, DoNotWaitForAnotherProcessThatStandsStill) {
  StoreLimits limits{.free_percent = 0};
  limits.idle = 0ms;
  Mount mount(cache(), source_, Network::allowed, limits);
  const Digest digest = add(mount, "content");
  const Partial held = mount.store.take_partial(digest, {});
  EXPECT_EQ(mount.read(digest), "content");
}

}  // namespace
}  // namespace digestfs::cache
