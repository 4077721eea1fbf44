// SPDX-License-Identifier: Apache-2.0
#include "tools/home.h"

#include <gtest/gtest.h>

#include "tools/exit_code.h"

namespace digestfs::tools {
namespace {

Surroundings user_at_home() {
  Surroundings around;
  around.user = 1000;
  around.home_variable = "/home/me";
  around.home_in_database = "/home/me";
  return around;
}

TEST(Home, HoldsTheCacheOfAUser) {
  EXPECT_EQ(default_cache_dir(user_at_home()), "/home/me/.cache/digestfs");
}

// A line of fstab with `noauto,user` once failed: mount(8) leaves HOME=/root behind.
TEST(Home, IsThatOfThePasswordDatabaseIfTheVariableIsSomebodyElses) {
  Surroundings around = user_at_home();
  around.home_variable = "/root";
  around.home_is_foreign = true;
  EXPECT_EQ(home_directory(around), "/home/me");
  EXPECT_EQ(default_cache_dir(around), "/home/me/.cache/digestfs");
  around.home_variable = "";
  around.home_is_foreign = false;
  EXPECT_EQ(default_cache_dir(around), "/home/me/.cache/digestfs");
}

TEST(Home, IsTheVariablesForAUserWhomNoDatabaseKnows) {
  Surroundings around = user_at_home();
  around.home_in_database = "";
  around.home_is_foreign = true;
  EXPECT_EQ(home_directory(around), "/home/me");
}

TEST(Home, ThatNobodyKnowsIsAnErrorOfUsage) {
  Surroundings around = user_at_home();
  around.home_in_database = "";
  around.home_variable = "relative";
  EXPECT_THROW(static_cast<void>(default_cache_dir(around)), UsageError);
}

TEST(Home, OfTheMachinesRootIsNotForItsCache) {
  Surroundings around;
  around.home_variable = "/root";
  EXPECT_EQ(default_cache_dir(around), "/var/cache/digestfs");
}

// `podman unshare` and `unshare -Urm` once ended with exit status 14: user 0 of a user namespace
// cannot write to /var/cache.
TEST(Home, HoldsTheCacheOfUser0OfAUserNamespace) {
  Surroundings around;
  around.in_user_namespace = true;
  around.home_variable = "/home/me";
  EXPECT_EQ(default_cache_dir(around), "/home/me/.cache/digestfs");
}

// XDG_CACHE_HOME once counted for users other than 0 only.
TEST(Home, IsLeftAsideForTheVariableOfCaches) {
  for (const uid_t user : {0U, 1000U}) {
    Surroundings around = user_at_home();
    around.user = user;
    around.cache_variable = "/fast";
    EXPECT_EQ(default_cache_dir(around), "/fast/digestfs") << user;
  }
  Surroundings around = user_at_home();
  around.cache_variable = "relative";
  EXPECT_EQ(default_cache_dir(around), "/home/me/.cache/digestfs");
}

TEST(Home, TellsTheInitialUserNamespaceByItsMap) {
  EXPECT_FALSE(is_of_user_namespace("         0          0 4294967295\n"));
  EXPECT_TRUE(is_of_user_namespace("         0       1000          1\n"));
  EXPECT_TRUE(is_of_user_namespace("0 1000 1\n1 100000 65536\n"));
  EXPECT_TRUE(is_of_user_namespace("1000 0 1\n"));
  EXPECT_FALSE(is_of_user_namespace(""));
}

}  // namespace
}  // namespace digestfs::tools
