// SPDX-License-Identifier: Apache-2.0
#include "cache/tags.h"

#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "tests/cache/tags_fixture.h"
#include "tests/support/landing.h"
#include "tests/support/memory_source.h"
#include "tests/support/mounted.h"

namespace digestfs::cache {
namespace {

template <class Call>
std::optional<Errc> failure_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  return std::nullopt;
}

// Promise 4.
TEST_F(TagsTest, StartWithTheFirstPageAlone) {
  TagsMount mount(cache(), source_, kBelieved);
  mount.tags.start({});
  EXPECT_EQ(source_.lists(), 1U);
  EXPECT_EQ(source_.resolves(), 0U);
}

TEST_F(TagsTest, ListGoesOnFromTheFirstPage) {
  TagsMount mount(cache(), source_, kBelieved);
  mount.tags.start({});
  EXPECT_EQ(*mount.list().names, all_);
  EXPECT_EQ(source_.lists(), 3U);
  EXPECT_EQ(source_.resolves(), 0U);
}

TEST_F(TagsTest, ListIsAskedForOnceAsLongAsItIsBelieved) {
  TagsMount mount(cache(), source_, kBelieved);
  for (int i = 0; i < 3; ++i) {
    const TagList list = mount.list();
    EXPECT_EQ(*list.names, all_);
    EXPECT_FALSE(list.stale);
    EXPECT_GT(list.believed, 30min);
    EXPECT_LE(list.believed, kBelieved);
  }
  EXPECT_EQ(source_.lists(), 3U);
}

// Design 3: what a SIGHUP leads to.
TEST_F(TagsTest, AreAskedForAgainWhateverTheTimeToLiveSays) {
  TagsMount mount(cache(), source_, kBelieved);
  EXPECT_EQ(*mount.list().names, all_);
  EXPECT_EQ(mount.resolve("a")->descriptor.digest, one_.digest);
  const auto list_version = mount.tags.list_version();
  const auto version = mount.tags.version("a");
  source_.tag("a", two_);
  source_.tag("f", two_);
  mount.tags.ask_again();
  EXPECT_GT(mount.tags.list_version(), list_version) << "or the kernel shows its copy";
  EXPECT_GT(mount.tags.version("a"), version);
  EXPECT_FALSE(mount.tags.is_listed("a"));
  EXPECT_EQ(mount.resolve("a")->descriptor.digest, two_.digest);
  EXPECT_TRUE(mount.list().names->contains("f"));
  const auto resolves = source_.resolves();
  EXPECT_EQ(mount.resolve("a")->descriptor.digest, two_.digest);
  EXPECT_EQ(source_.resolves(), resolves) << "what came since is believed";
}

// An answer that was on its way at the signal may be from before it.
TEST_F(TagsTest, ThatWereAskedForBeforeAreNotBelieved) {
  TagsMount mount(cache(), source_, kBelieved);
  source_.stall_all();
  const auto pending = [&](auto&& ask) -> std::shared_ptr<Flight> {
    try {
      static_cast<void>(ask());
    } catch (const Pending& thrown) {
      return thrown.flight;
    }
    return nullptr;
  };
  const auto list = pending([&] { return mount.tags.list(Patience::unlimited()); });
  const auto tag = pending([&] { return mount.tags.resolve("a", Patience::unlimited()); });
  ASSERT_TRUE(list && tag);
  source_.await_stalled(2);
  mount.tags.ask_again();
  source_.release();
  while (!list->has_landed() || !tag->has_landed()) std::this_thread::yield();
  EXPECT_FALSE(mount.tags.is_listed("b"));
  EXPECT_FALSE(mount.tags.is_listed("a"));
}

TEST_F(TagsTest, ListIsAskedForAgainAfterItsTime) {
  TagsMount mount(cache(), source_, kNotBelieved);
  EXPECT_EQ(*mount.list().names, all_);
  source_.untag("b");
  source_.tag("f", one_);
  EXPECT_EQ(*mount.list().names, (Names{"a", "c", "d", "e", "f"}));
  EXPECT_EQ(source_.lists(), 6U);
}

TEST_F(TagsTest, ListIsAskedForOnceByAllWhoWait) {
  TagsMount mount(cache(), source_, kBelieved);
  source_.stall_all();
  std::shared_ptr<Flight> flight;
  for (int i = 0; i < 10; ++i) {
    try {
      static_cast<void>(mount.tags.list(Patience::unlimited()));
      FAIL();
    } catch (const Pending& pending) {
      if (!flight) flight = pending.flight;
      EXPECT_EQ(pending.flight, flight);
    }
  }
  source_.release();
  EXPECT_EQ(*mount.list().names, all_);
  EXPECT_EQ(source_.lists(), 3U);
}

TEST_F(TagsTest, ListOfARepositoryWithoutTagsIsEmpty) {
  MemorySource empty;
  TagsMount mount(cache(), empty, kBelieved);
  mount.tags.start({});
  EXPECT_EQ(*mount.list().names, Names{});
}

// Every name from the network is hostile.
TEST_F(TagsTest, ListHasOnlyWhatIsATag) {
  source_.tag("../x", one_);
  source_.tag("a/b", one_);
  source_.tag("", one_);
  source_.tag(std::string(129, 'x'), one_);
  source_.add_left_out({"sha256:0123", "it is no tag"});
  TagsMount mount(cache(), source_, kBelieved);
  EXPECT_EQ(*mount.list().names, all_);
  // Said with each of five pages, written once.
  const auto line = nlohmann::json::parse(mount.problems.text());
  EXPECT_EQ(line["kind"], "bad-name");
  EXPECT_EQ(line["object"], "sha256:0123");
}

TEST_F(TagsTest, StartFailsAsTheSourceDoes) {
  for (const Errc code : {Errc::not_found, Errc::denied, Errc::unavailable, Errc::timed_out,
                          Errc::rate_limited, Errc::corrupt}) {
    source_.fail_all(code);
    TagsMount mount(cache(), source_, kBelieved);
    EXPECT_EQ(failure_of([&] { mount.tags.start({}); }), code);
  }
}

TEST_F(TagsTest, ResolveToWhatTheSourceSays) {
  TagsMount mount(cache(), source_, kBelieved);
  const auto tag = mount.resolve("a");
  ASSERT_TRUE(tag);
  EXPECT_EQ(tag->descriptor.digest, one_.digest);
  EXPECT_EQ(tag->descriptor.media_type, "application/x-one");
  EXPECT_FALSE(tag->stale);
  EXPECT_GT(tag->believed, 30min);
  EXPECT_FALSE(mount.resolve("absent"));
  EXPECT_EQ(source_.lists(), 0U);
}

TEST_F(TagsTest, ResolveOnceAsLongAsTheAnswerIsBelieved) {
  TagsMount mount(cache(), source_, kBelieved);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(mount.resolve("a"));
    EXPECT_FALSE(mount.resolve("absent"));
  }
  source_.tag("a", two_);
  EXPECT_EQ(mount.resolve("a")->descriptor.digest, one_.digest);
  EXPECT_EQ(source_.resolves(), 2U);
}

TEST_F(TagsTest, ResolveAgainAfterTheTimeOfTheAnswer) {
  TagsMount mount(cache(), source_, kNotBelieved);
  EXPECT_EQ(mount.resolve("a")->descriptor.digest, one_.digest);
  source_.tag("a", two_);
  EXPECT_EQ(mount.resolve("a")->descriptor.digest, two_.digest);
  EXPECT_FALSE(mount.resolve("new"));
  source_.tag("new", one_);
  EXPECT_TRUE(mount.resolve("new"));
}

// Design, "Settled": unreachable, stalled, 429, 5xx.
TEST_F(TagsTest, KeepTheirLastDigestWhereTheSourceCannotSay) {
  for (const Errc code : {Errc::unavailable, Errc::timed_out, Errc::rate_limited}) {
    SCOPED_TRACE(to_string(code));
    source_.behave();
    TagsMount mount(cache(), source_, kNotBelieved);
    EXPECT_FALSE(mount.resolve("a")->stale);
    EXPECT_FALSE(mount.list().stale);
    source_.fail_all(code);
    const auto tag = mount.resolve("a");
    ASSERT_TRUE(tag);
    EXPECT_EQ(tag->descriptor.digest, one_.digest);
    EXPECT_TRUE(tag->stale);
    const TagList list = mount.list();
    EXPECT_EQ(*list.names, all_);
    EXPECT_TRUE(list.stale);
    EXPECT_EQ(failure_of([&] { static_cast<void>(mount.resolve("unknown")); }), code)
        << "a failure is no absence";
  }
}

TEST_F(TagsTest, DoNotOutliveADenial) {
  for (const Errc code : {Errc::denied, Errc::not_found}) {
    SCOPED_TRACE(to_string(code));
    source_.behave();
    TagsMount mount(cache(), source_, kNotBelieved);
    EXPECT_TRUE(mount.resolve("a"));
    EXPECT_EQ(*mount.list().names, all_);
    source_.fail_all(code);
    EXPECT_EQ(failure_of([&] { static_cast<void>(mount.resolve("a")); }), code);
    EXPECT_EQ(failure_of([&] { static_cast<void>(mount.list()); }), code);
  }
}

TEST_F(TagsTest, DoNotOutliveTheirRemoval) {
  TagsMount mount(cache(), source_, kNotBelieved);
  EXPECT_TRUE(mount.resolve("a"));
  source_.untag("a");
  EXPECT_FALSE(mount.resolve("a"));
}

// Promise 5: a known tag waits 2 s, another 5 s, whatever the source does.
TEST_F(TagsTest, KeepTheirLastDigestWhereTheSourceStalls) {
  {
    TagsMount mount(cache(), source_, kNotBelieved);
    EXPECT_TRUE(mount.resolve("a"));
  }
  source_.stall_all();
  TagsMount mount(cache(), source_, kNotBelieved);
  const auto deadline_of = [&](const std::string& name) {
    const Patience patience{Clock::now(), 5s};
    try {
      static_cast<void>(mount.tags.resolve(name, patience));
    } catch (const Pending& pending) {
      return pending.deadline.value() - patience.since;
    }
    throw std::logic_error("answered without asking");
  };
  EXPECT_EQ(deadline_of("a"), 2s);
  EXPECT_EQ(deadline_of("b"), 5s);
  // These have waited as long.
  const auto tag = mount.tags.resolve("a", Patience{Clock::now() - 2s, 5s});
  ASSERT_TRUE(tag);
  EXPECT_EQ(tag->descriptor.digest, one_.digest);
  EXPECT_TRUE(tag->stale);
  EXPECT_EQ(failure_of([&] {
              static_cast<void>(mount.tags.resolve("b", Patience{Clock::now() - 5s, 5s}));
            }),
            Errc::timed_out);
}

TEST_F(TagsTest, AreRememberedByALaterMount) {
  {
    TagsMount mount(cache(), source_, kBelieved);
    mount.tags.start({});
    EXPECT_EQ(*mount.list().names, all_);
    EXPECT_TRUE(mount.resolve("a"));
  }
  source_.fail_all(Errc::unavailable);
  for (const Network network : {Network::allowed, Network::offline}) {
    TagsMount mount(cache(), source_, kBelieved, network);
    mount.tags.start({});
    const TagList list = mount.list();
    EXPECT_EQ(*list.names, all_);
    EXPECT_TRUE(list.stale);
    const auto tag = mount.resolve("a");
    ASSERT_TRUE(tag);
    EXPECT_EQ(tag->descriptor.digest, one_.digest);
    EXPECT_EQ(tag->descriptor.media_type, "application/x-one");
    EXPECT_EQ(tag->descriptor.size, one_.size);
    EXPECT_TRUE(tag->stale);
    EXPECT_TRUE(failure_of([&] { static_cast<void>(mount.resolve("b")); }));
  }
}

TEST_F(TagsTest, AskNobodyOffline) {
  {
    TagsMount mount(cache(), source_, kBelieved);
    EXPECT_EQ(*mount.list().names, all_);
    EXPECT_TRUE(mount.resolve("a"));
  }
  const auto lists = source_.lists();
  const auto resolves = source_.resolves();
  TagsMount mount(cache(), source_, kNotBelieved, Network::offline);
  mount.tags.start({});
  EXPECT_EQ(*mount.list().names, all_);
  EXPECT_TRUE(mount.resolve("a"));
  EXPECT_TRUE(mount.tags.is_listed("a"));
  EXPECT_TRUE(mount.tags.known("a")->stale);
  EXPECT_EQ(failure_of([&] { static_cast<void>(mount.resolve("b")); }), Errc::timed_out);
  EXPECT_EQ(failure_of([&] { static_cast<void>(mount.resolve("absent")); }), Errc::timed_out)
      << "not cached is no absence";
  EXPECT_EQ(source_.lists(), lists);
  EXPECT_EQ(source_.resolves(), resolves);
}

TEST_F(TagsTest, DoNotStartOfflineWhereNothingIsRemembered) {
  TagsMount mount(cache(), source_, kBelieved, Network::offline);
  EXPECT_EQ(failure_of([&] { mount.tags.start({}); }), Errc::timed_out);
  EXPECT_EQ(source_.lists(), 0U);
}

// Promise 7: the last tag list is kept, also by a mount that never asked for all of it.
TEST_F(TagsTest, RememberTheLastWholeList) {
  {
    TagsMount mount(cache(), source_, kBelieved);
    EXPECT_EQ(*mount.list().names, all_);
  }
  {
    TagsMount mount(cache(), source_, kBelieved);
    mount.tags.start({});  // the first page
    EXPECT_TRUE(mount.resolve("a"));
  }
  source_.fail_all(Errc::unavailable);
  for (const Network network : {Network::allowed, Network::offline}) {
    TagsMount mount(cache(), source_, kBelieved, network);
    mount.tags.start({});
    EXPECT_EQ(*mount.list().names, all_);
  }
}

TEST_F(TagsTest, L2CutAListOfWhichAPageIsTooLarge) {  // EP-10, M18
  source_.set_page_size(1);
  source_.fail_further_pages(Errc::too_large);
  TagsMount mount(cache(), source_, kBelieved);
  EXPECT_EQ(mount.list().names->size(), 1U);
  EXPECT_NE(mount.problems.text().find("the list of tags was cut"), std::string::npos);
  EXPECT_FALSE(mount.tags.is_unlisted("z"));
}

TEST_F(TagsTest, L2KeepAListThatNeverCameToItsEnd) {  // promise 7
  source_.set_page_size(1);
  source_.fail_further_pages(Errc::too_large);
  {
    TagsMount mount(cache(), source_, Clock::duration::zero());
    EXPECT_EQ(mount.list().names->size(), 1U);
    source_.fail_all(Errc::unavailable);
    const TagList list = mount.list();
    EXPECT_EQ(list.names->size(), 1U);
    EXPECT_TRUE(list.stale);
  }
  TagsMount mount(cache(), source_, kBelieved, Network::offline);
  EXPECT_EQ(mount.list().names->size(), 1U);
  EXPECT_FALSE(mount.tags.is_unlisted("z"));
}

TEST_F(TagsTest, L2EndAListThatDoesNotAndKeepTheWholeOne) {  // EP-10, promise 7
  {
    TagsMount mount(cache(), source_, kBelieved);
    EXPECT_EQ(*mount.list().names, all_);
  }
  const auto good = source_.resolve("a", {});
  for (int i = 0; i < 10'050; ++i) source_.tag("m" + std::to_string(100'000 + i), *good);
  source_.set_page_size(1);
  {
    TagsMount mount(cache(), source_, kBelieved);
    const TagList list = mount.list();
    EXPECT_GE(list.names->size(), 10'000U);
    EXPECT_LT(list.names->size(), 10'055U);
    EXPECT_NE(mount.problems.text().find("does not end"), std::string::npos);
    EXPECT_FALSE(mount.tags.is_unlisted("m110049")) << "it may be on a page that was not read";
  }
  TagsMount mount(cache(), source_, kBelieved, Network::offline);
  EXPECT_EQ(*mount.list().names, all_);
}

TEST_F(TagsTest, RememberAFirstPageThatIsTheWholeList) {
  {
    TagsMount mount(cache(), source_, kBelieved);
    EXPECT_EQ(*mount.list().names, all_);
  }
  source_.untag("a");
  source_.set_page_size(100);
  {
    TagsMount mount(cache(), source_, kBelieved);
    mount.tags.start({});
  }
  TagsMount mount(cache(), source_, kBelieved, Network::offline);
  EXPECT_EQ(*mount.list().names, (Names{"b", "c", "d", "e"}));
}

TEST_F(TagsTest, ListTheLastWholeListWhereTheSourceFailsInTheMiddle) {
  {
    TagsMount mount(cache(), source_, kBelieved);
    EXPECT_EQ(*mount.list().names, all_);
  }
  source_.fail_further_pages(Errc::unavailable);
  TagsMount mount(cache(), source_, kBelieved);
  mount.tags.start({});
  const TagList list = mount.list();
  EXPECT_EQ(*list.names, all_);
  EXPECT_TRUE(list.stale);
}

TEST_F(TagsTest, ListFailsInTheMiddleWhereNothingIsRemembered) {
  source_.fail_further_pages(Errc::unavailable);
  TagsMount mount(cache(), source_, kBelieved);
  mount.tags.start({});
  EXPECT_EQ(failure_of([&] { static_cast<void>(mount.list()); }), Errc::unavailable);
}

TEST_F(TagsTest, OfRepositoriesAreKeptApart) {
  MemorySource other("memory:other");
  other.tag("x", one_);
  {
    TagsMount mount(cache(), source_, kBelieved);
    EXPECT_EQ(*mount.list().names, all_);
    TagsMount beside(cache(), other, kBelieved);
    EXPECT_EQ(*beside.list().names, Names{"x"});
  }
  TagsMount mount(cache(), source_, kBelieved, Network::offline);
  EXPECT_EQ(*mount.list().names, all_);
  TagsMount beside(cache(), other, kBelieved, Network::offline);
  EXPECT_EQ(*beside.list().names, Names{"x"});
}

// Two mounts of one repository, in two processes say: what one has learned is not lost when the
// other writes down what it knows.
TEST_F(TagsTest, AreRememberedByAllMountsTogether) {
  source_.tag("e", two_);
  {
    TagsMount one(cache(), source_, kBelieved);
    TagsMount two(cache(), source_, kBelieved);
    EXPECT_TRUE(one.resolve("a"));
    EXPECT_TRUE(two.resolve("e"));
    EXPECT_EQ(*one.list().names, all_);
  }
  TagsMount mount(cache(), source_, kBelieved, Network::offline);
  EXPECT_EQ(mount.resolve("a")->descriptor.digest, one_.digest);
  EXPECT_EQ(mount.resolve("e")->descriptor.digest, two_.digest);
  EXPECT_EQ(*mount.list().names, all_);
}

TEST_F(TagsTest, AreListedWhereTheListSaysSo) {
  TagsMount mount(cache(), source_, kBelieved);
  EXPECT_FALSE(mount.tags.is_listed("a"));
  static_cast<void>(mount.list());
  EXPECT_TRUE(mount.tags.is_listed("a"));
  EXPECT_FALSE(mount.tags.is_listed("new"));
  // An answer that is newer than the list has the last word.
  source_.tag("new", one_);
  source_.untag("b");
  EXPECT_TRUE(mount.resolve("new"));
  EXPECT_FALSE(mount.resolve("b"));
  EXPECT_TRUE(mount.tags.is_listed("new"));
  EXPECT_FALSE(mount.tags.is_listed("b"));
}

TEST_F(TagsTest, AreNotListedOnceTheListIsNoLongerBelieved) {
  TagsMount mount(cache(), source_, kNotBelieved);
  static_cast<void>(mount.list());
  static_cast<void>(mount.resolve("a"));
  EXPECT_FALSE(mount.tags.is_listed("a"));
}

TEST_F(TagsTest, AreKnownOnceTheyWereResolved) {
  TagsMount mount(cache(), source_, kBelieved);
  static_cast<void>(mount.list());
  EXPECT_FALSE(mount.tags.known("a"));
  static_cast<void>(mount.resolve("a"));
  EXPECT_EQ(mount.tags.known("a")->descriptor.digest, one_.digest);
  EXPECT_FALSE(mount.tags.known("a")->stale);
  static_cast<void>(mount.resolve("absent"));
  EXPECT_FALSE(mount.tags.known("absent"));
  EXPECT_EQ(source_.resolves(), 2U);
}

// What an earlier mount was told looked like the last answer of a source that is silent.
TEST_F(TagsTest, AreNotKnownBecauseAnEarlierMountResolvedThem) {
  static_cast<void>(TagsMount(cache(), source_, kBelieved).resolve("a"));
  TagsMount later(cache(), source_, kBelieved);
  EXPECT_FALSE(later.tags.known("a"));
  static_cast<void>(later.resolve("a"));
  ASSERT_TRUE(later.tags.known("a"));
  EXPECT_FALSE(later.tags.known("a")->stale);
  // Nor is it unknown again when it is to be asked for again.
  static_cast<void>(later.tags.doubt("a", one_.digest));
  later.tags.ask_again();
  EXPECT_TRUE(later.tags.known("a"));
  const TagsMount offline(cache(), source_, kBelieved, Network::offline);
  ASSERT_TRUE(offline.tags.known("a"));
  EXPECT_TRUE(offline.tags.known("a")->stale);
}

// Or the kernel goes on showing what it has.
TEST_F(TagsTest, HaveAVersionThatMovesWithEachChange) {
  TagsMount mount(cache(), source_, kNotBelieved);
  std::set<std::int64_t> lists = {mount.tags.list_version()};
  std::set<std::int64_t> versions = {mount.tags.version("a")};
  for (int i = 0; i < 5; ++i) {
    static_cast<void>(mount.list());
    EXPECT_TRUE(lists.insert(mount.tags.list_version()).second);
    static_cast<void>(mount.resolve("a"));
    EXPECT_TRUE(versions.insert(mount.tags.version("a")).second);
  }
  source_.fail_all(Errc::unavailable);
  static_cast<void>(mount.list());
  EXPECT_TRUE(lists.insert(mount.tags.list_version()).second) << "it is stale now";
  static_cast<void>(mount.resolve("a"));
  EXPECT_TRUE(versions.insert(mount.tags.version("a")).second);
}

TEST_F(TagsTest, HaveAVersionThatStaysWithoutAChange) {
  TagsMount mount(cache(), source_, kBelieved);
  static_cast<void>(mount.list());
  static_cast<void>(mount.resolve("a"));
  const auto list = mount.tags.list_version();
  const auto version = mount.tags.version("a");
  static_cast<void>(mount.list());
  static_cast<void>(mount.resolve("a"));
  EXPECT_EQ(mount.tags.list_version(), list);
  EXPECT_EQ(mount.tags.version("a"), version);
}

// LOC-1.
TEST_F(TagsTest, SayWhatTheSourceNamesWithoutATag) {
  source_.add_untagged(two_);
  TagsMount mount(cache(), source_, kNotBelieved);
  for (int i = 0; i < 2; ++i) {
    static_cast<void>(mount.list());
    ASSERT_EQ(mount.tags.untagged().size(), 1U);
    EXPECT_EQ(mount.tags.untagged()[0].digest, two_.digest);
  }
}

}  // namespace
}  // namespace digestfs::cache
