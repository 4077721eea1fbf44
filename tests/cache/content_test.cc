// SPDX-License-Identifier: Apache-2.0
#include "cache/content.h"

#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
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
  for (const auto& note :
       {""s, "{"s, "[]"s, "null"s, R"({"diff":")" + other + R"(","size":5})",
        R"({"diff":")" + digest_of(tar).str() + R"(","size":-5})",
        R"({"diff":")" + digest_of(tar).str() + R"(","size":"5"})",
        R"({"diff":")" + digest_of(tar).str() + R"(","size":9223372036854775808})",
        std::string(std::size_t{1} << 20U, '['), R"({"diff":7,"size":5})"s, R"({"size":5})"s,
        "\xff\xfe"s}) {
    Mount mount(cache(), source_);
    mount.store.write_note("layers", name, note);
    add_layer(mount, blob, digest_of(tar));
    EXPECT_EQ(mount.content.size(digest_of(tar))->bytes, blob.size()) << note;
  }
}

}  // namespace
}  // namespace digestfs::cache
