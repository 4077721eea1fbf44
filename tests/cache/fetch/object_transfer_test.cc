// SPDX-License-Identifier: Apache-2.0
#include "cache/fetch/object_transfer.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "tests/cache/content_fixture.h"

namespace digestfs::cache {
namespace {

constexpr std::uint64_t kKiB = 1024;

/// What a server does with a request for a part of an object.
enum class Answer {
  part,           ///< It sends the part.
  cut,            ///< It sends half of the part and hangs up.
  nothing,        ///< It hangs up at once.
  whole,          ///< It sends the object from its start.
  other_version,  ///< It sends the part of an object that has changed meanwhile.
  altered,        ///< It sends other bytes.
  refused,        ///< It says that there is no such part (416).
  too_many,       ///< It wants to be asked less often.
  more,           ///< It sends more than the part.
  half,           ///< It sends half of the part, and then nothing until the connection is ended.
};

/// How many requests are answered at once, by one source or by several.
class Streams {
 public:
  void enter() {
    const std::lock_guard lock(mutex_);
    most_ = std::max(most_, ++now_);
    changed_.notify_all();
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    --now_;
  }
  /// Waits until so many requests were answered at once.
  void await(int most, const std::stop_token& stop = {}) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [&] { return most_ >= most; });
  }
  [[nodiscard]] int most() const {
    const std::lock_guard lock(mutex_);
    return most_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  int now_ = 0;
  int most_ = 0;
};

/// A source of one object. A connection that asks for all of it is held back after its first bytes
/// until another has asked for a part. Those are answered as the script says.
class SharingSource final : public registry::Source {
 public:
  using Script = std::function<Answer(int request)>;

  SharingSource(std::string bytes, Script script,
                std::shared_ptr<Streams> all = std::make_shared<Streams>())
      : bytes_(std::move(bytes)), script_(std::move(script)), at_once_(std::move(all)) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] registry::TagPage list_tags(const std::optional<std::string>&,
                                            const Request&) override {
    return {};
  }
  [[nodiscard]] std::optional<registry::Descriptor> resolve(const std::string&,
                                                            const Request&) override {
    return std::nullopt;
  }
  [[nodiscard]] std::optional<std::vector<registry::Descriptor>> list_referrers(
      const Digest&, const Request&) override {
    return std::nullopt;
  }
  [[nodiscard]] std::optional<registry::ObjectInfo> find(Endpoint, const Digest&,
                                                         const Request&) override {
    return registry::ObjectInfo{bytes_.size()};
  }

  void fetch(Endpoint, const Digest&, const registry::Range& range, registry::ObjectSink& sink,
             const Request& request) override {
    const int number = ++requests_;
    const Leaving leaving(*this);
    const auto all = as_bytes(std::string_view(bytes_));
    const auto offset = static_cast<std::size_t>(range.offset);
    if (sink.wanted() == registry::Copy::sources) ++anew_;
    if (!range.end) {
      ++streams_;
      sink.begin({range.offset, bytes_.size(), "v1"});
      send(sink, all.subspan(offset, 16 * kKiB), request);
      if (is_held_back_) {
        std::unique_lock lock(mutex_);
        asked_.wait(lock, request.stop, [this] { return !parts_.empty(); });
      }
      if (awaited_ > 0) at_once_->await(awaited_, request.stop);
      if (is_still_) stand_still(request);
      if (is_cut_) throw Error(Errc::unavailable, "the first connection is cut");
      send(sink, all.subspan(offset + 16 * kKiB), request);
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      parts_.push_back(range);
      asked_.notify_all();
    }
    if (awaited_ > 0) at_once_->await(awaited_, request.stop);
    auto part = all.subspan(offset, static_cast<std::size_t>(*range.end) - offset);
    switch (script_(number)) {
      case Answer::part:
        sink.begin({range.offset, bytes_.size(), "v1"});
        send(sink, part, request);
        return;
      case Answer::cut:
        sink.begin({range.offset, bytes_.size(), "v1"});
        send(sink, part.first(part.size() / 2), request);
        throw Error(Errc::unavailable, "hung up");
      case Answer::nothing:
        throw Error(Errc::unavailable, "hung up at once");
      case Answer::whole:
        sink.begin({0, bytes_.size(), "v1"});
        send(sink, all, request);
        return;
      case Answer::other_version:
        sink.begin({range.offset, bytes_.size(), "v2"});
        send(sink, part, request);
        return;
      case Answer::altered: {
        const std::string altered(part.size(), 'x');
        sink.begin({range.offset, bytes_.size(), "v1"});
        send(sink, as_bytes(std::string_view(altered)), request);
        return;
      }
      case Answer::half:
        sink.begin({range.offset, bytes_.size(), "v1"});
        send(sink, part.first(part.size() / 2), request);
        stand_still(request);
      case Answer::refused:
        throw Error(Errc::unsupported, "the server does not send it by itself");
      case Answer::too_many:
        throw Error(Errc::rate_limited, "too many requests");
      case Answer::more:
        sink.begin({range.offset, bytes_.size(), "v1"});
        send(sink, all.subspan(offset), request);
        return;
    }
  }

  /// The first connection is held back, and cut after that.
  void hold_back() { is_held_back_ = true; }
  void cut_first() { is_cut_ = true; }
  /// The first connection is held back, and stands still after that.
  void stop_first() { is_still_ = true; }

  /// Each request is held back until so many were answered at once.
  void await_at_once(int requests) { awaited_ = requests; }

  [[nodiscard]] int requests() const { return requests_; }
  /// How often all of the object was asked for, from some byte on.
  [[nodiscard]] int streams() const { return streams_; }
  /// How many requests would not take what a cache on the way has.
  [[nodiscard]] int anew() const { return anew_; }
  [[nodiscard]] Streams& at_once() const { return *at_once_; }
  [[nodiscard]] std::vector<registry::Range> parts() const {
    const std::lock_guard lock(mutex_);
    return parts_;
  }

 private:
  /// Counts a request for as long as it is answered.
  class Leaving {
   public:
    explicit Leaving(SharingSource& source) : source_(source) { source_.at_once_->enter(); }
    Leaving(const Leaving&) = delete;
    Leaving& operator=(const Leaving&) = delete;
    ~Leaving() { source_.at_once_->leave(); }

   private:
    SharingSource& source_;
  };

  [[noreturn]] static void stand_still(const Request& request) {
    while (!request.stop.stop_requested()) std::this_thread::sleep_for(1ms);
    throw Error(Errc::interrupted, "ended");
  }

  static void send(registry::ObjectSink& sink, std::span<const std::byte> bytes,
                   const Request& request) {
    while (!bytes.empty()) {
      if (request.stop.stop_requested()) throw Error(Errc::interrupted, "stopped");
      const auto piece = bytes.first(std::min<std::size_t>(16 * kKiB, bytes.size()));
      sink.write(piece);
      bytes = bytes.subspan(piece.size());
    }
  }

  std::string name_ = "memory:shared";
  std::string bytes_;
  Script script_;
  bool is_held_back_ = false;
  bool is_cut_ = false;
  bool is_still_ = false;
  std::atomic<int> requests_ = 0;
  std::atomic<int> streams_ = 0;
  std::atomic<int> anew_ = 0;
  int awaited_ = 0;
  std::shared_ptr<Streams> at_once_;
  mutable std::mutex mutex_;
  std::condition_variable_any asked_;
  std::vector<registry::Range> parts_;
};

class ObjectTransferTest : public ContentTest {
 protected:
  /// Fetches `bytes_` from a source with that script. Returns what is read in the end.
  std::string fetch(const SharingSource::Script& script, std::size_t connections = 4) {
    source_of_parts_.emplace(bytes_, script);
    if (awaited_ > 0) source_of_parts_->await_at_once(awaited_);
    if (connections > 1 && awaited_ == 0) source_of_parts_->hold_back();
    if (is_first_cut_) source_of_parts_->cut_first();
    if (is_first_still_) source_of_parts_->stop_first();
    Store store(cache(), {.free_percent = 0});
    Problems problems("test");
    Workers workers({2, jobs_, 2});
    Content content(store, *source_of_parts_, workers, problems, Network::allowed,
                    policy(connections));
    const Digest digest = digest_of(bytes_);
    content.meet(digest, Endpoint::blobs, bytes_.size());
    std::string read(bytes_.size(), '\0');
    try {
      const auto file = landed([&] { return content.open(digest, Patience::unlimited()); });
      read.resize(
          content.read(file, std::as_writable_bytes(std::span(read)), 0, Patience::unlimited()));
    } catch (const Error& error) {
      read = error.what();
    }
    workers.stop();
    expect_no_wrong_file();
    return read;
  }
  [[nodiscard]] const SharingSource& source() const { return *source_of_parts_; }
  [[nodiscard]] DownloadPolicy policy(std::size_t connections) const {
    return {.resume = {.first = 1ms, .most = 2ms},
            .connections = {.most = connections,
                            .after = {},
                            .smallest = 64 * kKiB,
                            .largest = 64 * kKiB,
                            .patience = patience_,
                            .pause = 1ms,
                            .fast = UINT64_MAX}};
  }

  std::size_t jobs_ = 4;
  /// How many requests have to be answered at once before any is answered.
  int awaited_ = 0;
  /// How long a connection without work waits before it takes a part over.
  Clock::duration patience_ = 1h;
  std::string bytes_ = test::noise(3'000'000);
  bool is_first_cut_ = false;
  bool is_first_still_ = false;
  std::optional<SharingSource> source_of_parts_;
};

TEST_F(ObjectTransferTest, FetchesPartsBySeveralConnections) {
  EXPECT_TRUE(fetch([](int) { return Answer::part; }) == bytes_);
  EXPECT_GE(source().at_once().most(), 2);
  EXPECT_LE(source().at_once().most(), 4);
  EXPECT_EQ(source().streams(), 1);
  // No byte is asked for twice.
  std::set<std::uint64_t> begins;
  for (const auto& part : source().parts()) {
    EXPECT_TRUE(begins.insert(part.offset).second) << part.offset;
    EXPECT_LE(*part.end - part.offset, 64 * kKiB);
  }
}

TEST_F(ObjectTransferTest, UsesOneConnectionIfNoMoreAreAllowed) {
  EXPECT_TRUE(fetch([](int) { return Answer::part; }, 1) == bytes_);
  EXPECT_EQ(source().requests(), 1);
}

TEST_F(ObjectTransferTest, GoesOnWhereAPartIsCut) {
  // Twice at most, for a connection gives up a part that is cut more often.
  EXPECT_TRUE(fetch([](int number) {
                return number == 3 || number == 6 ? Answer::cut : Answer::part;
              }) == bytes_);
  EXPECT_EQ(source().streams(), 1);
}

TEST_F(ObjectTransferTest, GoesOnByPartsWhereTheFirstConnectionIsCut) {
  is_first_cut_ = true;
  EXPECT_TRUE(fetch([](int) { return Answer::part; }) == bytes_);
  EXPECT_EQ(source().streams(), 1);
}

// Nobody waits for a connection once others have brought what it was to bring.
TEST_F(ObjectTransferTest, IsFinishedWithoutAConnectionThatStandsStill) {
  patience_ = 20ms;
  EXPECT_TRUE(fetch([](int number) { return number == 2 ? Answer::half : Answer::part; }) ==
              bytes_);
  EXPECT_EQ(source().streams(), 1);
}

TEST_F(ObjectTransferTest, IsFinishedWithoutItsFirstConnectionIfThatStandsStill) {
  is_first_still_ = true;
  patience_ = 20ms;
  EXPECT_TRUE(fetch([](int) { return Answer::part; }) == bytes_);
  EXPECT_EQ(source().streams(), 1);
}

// If the first connection has just come to the part that another one asks for, it asks for that
// part itself, and begins a second stream when it is refused as well.
TEST_F(ObjectTransferTest, LeavesToOthersAPartOfWhichNothingComes) {
  std::atomic<int> failures = 0;
  EXPECT_TRUE(fetch([&](int) { return failures++ < 2 ? Answer::nothing : Answer::part; }) ==
              bytes_);
  EXPECT_LE(source().streams(), 2);
}

// A moment of bad luck for all of them at once does not leave a blob with one connection: the first
// would stand still for ever.
TEST_F(ObjectTransferTest, TriesFurtherConnectionsAgainThatHaveFailed) {
  is_first_still_ = true;
  patience_ = 20ms;
  std::atomic<int> failures = 0;
  EXPECT_TRUE(fetch([&](int) { return failures++ < 3 ? Answer::nothing : Answer::part; }) ==
              bytes_);
  EXPECT_EQ(source().streams(), 1);
}

TEST_F(ObjectTransferTest, IsFinishedByTheFirstConnectionIfTheOthersBringNothing) {
  EXPECT_TRUE(fetch([](int) { return Answer::nothing; }) == bytes_);
  EXPECT_LE(source().streams(), 2);
  EXPECT_EQ(source().anew(), 0);
}

// EP-9: the server ignores Range. What it sends instead is not taken, and the first connection goes
// on.
TEST_F(ObjectTransferTest, FallsBackToOneConnectionIfTheWholeComes) {
  EXPECT_TRUE(fetch([](int) { return Answer::whole; }) == bytes_);
  EXPECT_LE(source().streams(), 2);
  EXPECT_LE(source().parts().size(), 4U);
  EXPECT_EQ(source().anew(), 0);
}

// What `fetch_blob` makes of 416. A server that does not like parts gets one connection.
TEST_F(ObjectTransferTest, FallsBackToOneConnectionIfAPartIsRefused_EP9) {
  EXPECT_TRUE(fetch([](int) { return Answer::refused; }) == bytes_);
  EXPECT_LE(source().streams(), 2);
  EXPECT_LE(source().parts().size(), 4U);
  EXPECT_EQ(source().anew(), 0);
}

TEST_F(ObjectTransferTest, IsFinishedByTheOthersIfOnePartIsRefused_EP9) {
  std::atomic<int> refusals = 0;
  EXPECT_TRUE(fetch([&](int) { return refusals++ == 0 ? Answer::refused : Answer::part; }) ==
              bytes_);
  EXPECT_LE(source().streams(), 2);
  EXPECT_EQ(source().anew(), 0);
}

TEST_F(ObjectTransferTest, PutsNoPartsOfTwoVersionsTogether) {
  EXPECT_TRUE(fetch([](int) { return Answer::other_version; }) == bytes_);
  EXPECT_LE(source().streams(), 2);
  EXPECT_LE(source().parts().size(), 4U);
  EXPECT_EQ(source().anew(), 0) << "the bytes of another version were taken";
}

// RTY-3.
TEST_F(ObjectTransferTest, FallsBackToOneConnectionIfTheServerWantsFewer) {
  EXPECT_TRUE(fetch([](int) { return Answer::too_many; }) == bytes_);
  EXPECT_LE(source().streams(), 2);
  EXPECT_LE(source().parts().size(), 4U);
}

TEST_F(ObjectTransferTest, TakesNoMoreThanThePart) {
  EXPECT_TRUE(fetch([](int) { return Answer::more; }) == bytes_);
  EXPECT_EQ(source().streams(), 1);
  EXPECT_EQ(source().anew(), 0);
}

// RTY-9: bytes that do not hash to the digest are asked for once more, by one connection.
TEST_F(ObjectTransferTest, FetchesAllAnewIfAPartWasWrong) {
  EXPECT_TRUE(fetch([](int number) { return number == 2 ? Answer::altered : Answer::part; }) ==
              bytes_);
  EXPECT_EQ(source().streams(), 2);
  EXPECT_EQ(source().anew(), 1);
}

// Promise 6: what was fetched before a process was killed is gone on with, up to the first gap.
TEST_F(ObjectTransferTest, GoesOnBeforeTheFirstGapOfAKilledProcess) {
  const Digest digest = digest_of(bytes_);
  {
    const Store store(cache(), {.free_percent = 0});
    Partial partial = store.claim(digest).take_any();
    const auto bytes = as_bytes(std::string_view(bytes_));
    partial.write_at(bytes.first(2'500'000), 0);
    partial.write_at(bytes.subspan(2'900'000), 2'900'000);
  }
  EXPECT_TRUE(fetch([](int) { return Answer::part; }, 1) == bytes_);
  EXPECT_EQ(source().requests(), 1) << "what was there was right, so that nothing began anew";
}

TEST_F(ObjectTransferTest, UsesAsManyConnectionsAsThereAreJobs) {
  jobs_ = 3;
  awaited_ = 3;
  EXPECT_TRUE(fetch([](int) { return Answer::part; }, 8) == bytes_);
  EXPECT_EQ(source().at_once().most(), 3);
}

TEST_F(ObjectTransferTest, UsesNoMoreConnectionsThanItMay) {
  jobs_ = 8;
  awaited_ = 3;
  EXPECT_TRUE(fetch([](int) { return Answer::part; }, 3) == bytes_);
  EXPECT_EQ(source().at_once().most(), 3);
}

/// Two repositories of one mount.
class SharedJobsTest : public ObjectTransferTest {
 protected:
  struct Side {
    Side(const std::string& object, const SharingSource::Script& script,
         const std::shared_ptr<Streams>& all)
        : bytes(object), source(object, script, all) {}

    std::string bytes;
    SharingSource source;
    std::optional<Content> content{};
    Digest digest = digest_of(bytes);
  };

  /// Adds a repository with the object `bytes`.
  Side& add(const std::string& bytes, const SharingSource::Script& script) {
    Side& side = sides_.emplace_back(bytes, script, all_);
    side.content.emplace(store_, side.source, workers_, problems_, Network::allowed, policy(4));
    side.content->meet(side.digest, Endpoint::blobs, side.bytes.size());
    return side;
  }
  /// Begins to download the object of `side`. Returns what its caller waits for.
  static Pending begin(Side& side) {
    try {
      static_cast<void>(side.content->open(side.digest, Patience::unlimited()));
    } catch (const Pending& pending) {
      return pending;
    }
    throw std::logic_error("the object is there");
  }
  static std::string read(Side& side) {
    const auto file =
        landed([&] { return side.content->open(side.digest, Patience::unlimited()); });
    std::string read(side.bytes.size(), '\0');
    read.resize(landed([&] {
      return side.content->read(file, std::as_writable_bytes(std::span(read)), 0,
                                Patience::unlimited());
    }));
    return read;
  }

  std::shared_ptr<Streams> all_ = std::make_shared<Streams>();
  Store store_{cache(), {.free_percent = 0}};
  Problems problems_{"test"};
  std::list<Side> sides_;
  // The last member, for its work uses all of the above.
  Workers workers_{{2, 2, 2}};
};

TEST_F(SharedJobsTest, AreNeverExceededByTheConnectionsOfAllRepositories) {
  const auto script = [](int) { return Answer::part; };
  Side& one = add(bytes_, script);
  Side& other = add(test::noise(3'000'001), script);
  for (Side& side : sides_) side.source.await_at_once(2);
  const Pending first = begin(one);
  const auto waiters = first.waiters();
  EXPECT_TRUE(read(other) == other.bytes);
  EXPECT_TRUE(read(one) == one.bytes);
  EXPECT_EQ(all_->most(), 2);
  EXPECT_EQ(one.source.streams(), 1);
  EXPECT_EQ(other.source.streams(), 1);
}

// Promise 10: however long a part may take.
TEST_F(SharedJobsTest, AreGivenUpByAFurtherConnectionForADownloadThatWaits) {
  patience_ = 1h;
  Side& one = add(bytes_, [](int) { return Answer::half; });
  Side& other = add(test::noise(3'000'001), [](int) { return Answer::part; });
  one.source.stop_first();
  const Pending first = begin(one);
  const auto waiters = first.waiters();
  all_->await(2);
  EXPECT_TRUE(read(other) == other.bytes);
  EXPECT_FALSE(first.flight->has_landed());
  EXPECT_EQ(all_->most(), 2);
}

TEST_F(SharedJobsTest, AreTakenAgainByFurtherConnectionsAfterThat) {
  patience_ = 20ms;
  // The first further connection stands still.
  Side& one = add(bytes_, [](int number) { return number == 2 ? Answer::half : Answer::part; });
  Side& other = add(test::noise(3'000'001), [](int) { return Answer::part; });
  one.source.stop_first();
  const Pending first = begin(one);
  const auto waiters = first.waiters();
  all_->await(2);
  EXPECT_TRUE(read(other) == other.bytes);
  EXPECT_TRUE(read(one) == one.bytes);
}

}  // namespace
}  // namespace digestfs::cache
