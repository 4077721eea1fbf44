// SPDX-License-Identifier: Apache-2.0
#include "cache/downloads.h"

#include <fstream>
#include <utility>

#include "base/error.h"
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

class DownloadsTest : public ContentTest {};

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
    const Digest digest = add(mount, test::noise(300000) + std::to_string(i));
    source_.stall_after(digest, 100000);
    // The reader is killed as soon as the download has begun: nobody waits.
    EXPECT_THROW(static_cast<void>(mount.content.open(digest, Patience::unlimited())), Pending);
    source_.await_stalled(static_cast<std::size_t>(i) + 1);
    layers.push_back(digest);
  }
  EXPECT_EQ(mount.read(add(mount, "wanted")), "wanted");
  source_.behave();
  // What the ended download left is not lost: the next reader goes on with it.
  for (const Digest& digest : layers) EXPECT_EQ(mount.open(digest)->digest(), digest);
  std::size_t resumed = 0;
  for (const Digest& digest : layers) {
    if (source_.offsets(digest) == std::vector<std::uint64_t>{0, 100000}) ++resumed;
  }
  EXPECT_EQ(resumed, 1U) << "only as many end as are in the way";
}

}  // namespace
}  // namespace digestfs::cache
