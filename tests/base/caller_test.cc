// SPDX-License-Identifier: Apache-2.0
#include "base/caller.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

namespace digestfs {
namespace {

TEST(Caller, ThatIsGoneHasGivenUp) { EXPECT_TRUE(has_given_up(0x7fffffff)); }

TEST(Caller, ThatHasNoSignalHasNotGivenUp) { EXPECT_FALSE(has_given_up(::getpid())); }

// A daemon without a descriptor once took every interrupt, also one by a mere SIGCHLD, for the end
// of its caller.
TEST(Caller, HasNotGivenUpBecauseThereIsNoDescriptorToAskWith) {
  // UBSan needs descriptors itself to check a type that it sees for the first time, here those that
  // the message of a failure is made with.
  EXPECT_TRUE(has_given_up(0));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const bool has = has_given_up(::getpid());
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_FALSE(has);
}

}  // namespace
}  // namespace digestfs
