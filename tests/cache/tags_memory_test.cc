// SPDX-License-Identifier: Apache-2.0
// What is kept of tags in memory and on the disk, and for how long.
#include <set>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "cache/tag_note.h"
#include "tests/cache/tags_fixture.h"

namespace digestfs::cache {
namespace {

// What a reader makes up without end must not make memory grow without end.
TEST_F(TagsTest, AbsentOnesAreForgottenOnceTheyAreMany) {
  TagsMount mount(cache(), source_, kNotBelieved, Network::allowed, 3);
  EXPECT_TRUE(mount.resolve("a"));
  for (const char* name : {"x", "y"}) EXPECT_FALSE(mount.resolve(name));
  EXPECT_NE(mount.tags.version("x"), 0);
  EXPECT_FALSE(mount.resolve("z"));
  EXPECT_EQ(mount.tags.version("x"), 0);
  EXPECT_EQ(mount.tags.version("y"), 0);
  EXPECT_NE(mount.tags.version("z"), 0);
  EXPECT_TRUE(mount.tags.known("a"));
}

TEST_F(TagsTest, AbsentOnesThatAreBelievedAreKept) {
  TagsMount mount(cache(), source_, kBelieved, Network::allowed, 3);
  for (const char* name : {"v", "w", "x", "y", "z"}) EXPECT_FALSE(mount.resolve(name));
  const std::size_t asked = source_.resolves();
  EXPECT_FALSE(mount.resolve("v"));
  EXPECT_EQ(source_.resolves(), asked);
}

// A mount that is killed tells nobody what it learned last.
TEST_F(TagsTest, AreSavedSoonEvenIfNothingElseIsAsked) {
  TagsMount mount(cache(), source_, kBelieved);
  mount.resolve("a");
  mount.resolve("b");
  while (read_tags(mount.store, source_.name()).tags.size() < 2) std::this_thread::yield();
}

// In a mount of many repositories a name of a tag alone says nothing.
TEST_F(TagsTest, SayWhichRepositoryIsAsked) {
  TagsMount mount(cache(), source_, kBelieved);
  source_.stall_all();
  EXPECT_THROW(static_cast<void>(mount.tags.list(Patience::unlimited())), Pending);
  EXPECT_THROW(static_cast<void>(mount.tags.resolve("a", Patience::unlimited())), Pending);
  std::set<std::string> names;
  for (const auto& flight : mount.workers.flights()) names.insert(flight->name());
  EXPECT_EQ(names, (std::set<std::string>{"list the tags of memory:repository",
                                          "tag memory:repository:a"}));
  source_.release();
}

}  // namespace
}  // namespace digestfs::cache
