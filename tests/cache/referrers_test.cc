// SPDX-License-Identifier: Apache-2.0
#include "cache/referrers.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/cache/content_fixture.h"

namespace digestfs::cache {
namespace {

class ReferrersTest : public testing::Test {
 protected:
  ~ReferrersTest() override { workers_.stop(); }

  void list(const Digest& subject) {
    const Patience patience = Patience::unlimited();
    landed([&] { return referrers_.list(subject, patience).has_value(); });
  }

  MemorySource source_;
  Workers workers_{{2, 1, 1}};
  Referrers referrers_{source_, workers_, Network::allowed, 1h};
};

// Design 3: what a SIGHUP leads to.
TEST_F(ReferrersTest, AreAskedForAgainWhateverTheTimeToLiveSays) {
  const Digest subject = digest_of("subject");
  list(subject);
  list(subject);
  const auto version = referrers_.version(subject);
  EXPECT_EQ(source_.referrer_lists(), 1U);
  referrers_.ask_again();
  EXPECT_GT(referrers_.version(subject), version);
  list(subject);
  EXPECT_EQ(source_.referrer_lists(), 2U);
}

TEST_F(ReferrersTest, AreRememberedOfSoManySubjectsOnly) {
  const Digest first = digest_of("first");
  list(first);
  const auto version = referrers_.version(first);
  for (std::size_t i = 1; i < Referrers::kMaxAnswers; ++i) list(digest_of(std::to_string(i)));
  list(first);
  EXPECT_EQ(source_.referrer_lists(), Referrers::kMaxAnswers) << "it was forgotten too early";
  list(digest_of("one more"));
  list(first);
  EXPECT_EQ(source_.referrer_lists(), Referrers::kMaxAnswers + 2) << "it is still remembered";
  EXPECT_GT(referrers_.version(first), version) << "or the kernel shows an old copy";
}

}  // namespace
}  // namespace digestfs::cache
