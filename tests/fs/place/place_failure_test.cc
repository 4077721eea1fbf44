// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/fs/place/place_fixture.h"

// A place that misbehaves.

namespace digestfs::fs {
namespace {

TEST_F(PlaceTest, ARepositoryThatDoesNotAnswerHoldsUpNoOther) {  // promise 5
  const Image image = add("sound");
  add("stuck");
  mount();
  place->stall_open("stuck");
  auto& kernel = served.kernel();
  const auto stuck = kernel.walk("stuck/_");
  std::vector<std::uint64_t> waiting;
  for (int i = 0; i < 8; ++i) waiting.push_back(kernel.send_lookup(stuck, "tags"));
  EXPECT_EQ(served.read("sound/_/tags/v1/layers/00/tree/of").text, "sound");
  EXPECT_EQ(served.names("sound/_/tags"), Names{"v1"});
  EXPECT_EQ(served.names(""), (Names{"sound", "stuck", ".digestfs"}));
  for (const auto request : waiting) EXPECT_FALSE(kernel.has_reply(request));
  place->release();
  for (const auto request : waiting) EXPECT_EQ(kernel.wait(request).error, 0);
  EXPECT_EQ(place->opens("stuck"), 1U);
}

TEST_F(PlaceTest, ASourceThatDoesNotAnswerHoldsUpNoOther) {  // promise 5
  add("sound");
  add("stuck");
  mount();
  auto& kernel = served.kernel();
  const auto tags = kernel.walk("stuck/_/tags");
  place->at("stuck").stall_all();
  std::vector<std::uint64_t> waiting;
  for (const char* tag : {"v1", "v2", "v3"}) waiting.push_back(kernel.send_lookup(tags, tag));
  place->at("stuck").await_stalled(waiting.size());
  EXPECT_EQ(served.read("sound/_/tags/v1/rootfs/of").text, "sound");
  for (const auto request : waiting) EXPECT_FALSE(kernel.has_reply(request));
  place->at("stuck").release();
  for (const auto request : waiting) EXPECT_EQ(kernel.wait(request).error, 0);
}

TEST_F(PlaceTest, TwoProcessesThatEnterARepositoryOpenItOnce) {
  add("a");
  mount();
  place->stall_open("a");
  auto& kernel = served.kernel();
  const auto inside = kernel.walk("a/_");
  const auto one = kernel.send_lookup(inside, "tags");
  const auto two = kernel.send_lookup(inside, "images");
  place->release();
  EXPECT_EQ(kernel.wait(one).error, 0);
  EXPECT_EQ(kernel.wait(two).error, 0);
  EXPECT_EQ(place->opens("a"), 1U);
}

TEST_F(PlaceTest, AFailureIsNeverShownAsAbsence) {  // DEC-6
  add("a");
  mount();
  served.names("");
  place->fail_open("b", Errc::unavailable);
  EXPECT_EQ(served.error_of("b"), ETIMEDOUT);
  place->fail_open("c", Errc::rate_limited);
  EXPECT_EQ(served.error_of("c"), EAGAIN);
  place->fail_open("a", Errc::denied);
  EXPECT_EQ(served.error_of("a/_/tags"), EACCES);
}

TEST_F(PlaceTest, ADeniedNameIsADirectoryIfThereIsARepositoryBelowIt) {
  add("a/b");
  place->fail_open("a", Errc::denied);
  place->fail_open("c", Errc::denied);
  mount([](MountSettings& settings) { settings.selection.tag_ttl = Clock::duration::zero(); });
  EXPECT_EQ(served.names("a"), Names{"b"});
  EXPECT_EQ(served.error_of("c"), EACCES);
}

TEST_F(PlaceTest, KeepsTheLastListWhileThePlaceDoesNotAnswer) {  // promise 7
  add("a");
  mount([](MountSettings& settings) { settings.selection.tag_ttl = Clock::duration::zero(); });
  EXPECT_EQ(served.names(""), (Names{"a", ".digestfs"}));
  place->fail_lists(Errc::unavailable);
  EXPECT_EQ(served.names(""), (Names{"a", ".digestfs"}));
  EXPECT_EQ(served.names("a/_/tags"), Names{"v1"});
}

TEST_F(PlaceTest, APlaceThatCannotBeAskedCannotBeMounted) {  // promise 4
  add("a");
  place->fail_lists(Errc::denied);
  EXPECT_THROW(mount(), Error);
}

TEST_F(PlaceTest, ReadsTheListPageByPage) {
  for (int i = 0; i < 25; ++i) add("r" + std::to_string(i));
  place->set_page_size(10);
  mount();
  EXPECT_EQ(place->lists(), 1U);
  EXPECT_EQ(served.names("").size(), 26U);
  EXPECT_EQ(place->lists(), 3U);
  served.names("");
  EXPECT_EQ(place->lists(), 3U);
}

TEST_F(PlaceTest, AListWithoutEndIsCut) {  // EP-11
  for (int i = 0; i < 5; ++i) add("r" + std::to_string(i));
  place->set_page_size(2);
  place->list_in_a_circle();
  mount();
  EXPECT_EQ(served.names("").size(), 6U);
  EXPECT_LE(place->lists(), 6U);
  EXPECT_EQ(served.problems("limit").size(), 1U);
}

TEST_F(PlaceTest, LeavesOutNamesThatAreNone) {
  add("a");
  for (const char* name :
       {"..", "a/../b", "/etc", "UP", "a//b", "_", "a/_/tags", ".digestfs", ""}) {
    place->list_also(name);
  }
  mount();
  EXPECT_EQ(served.names(""), (Names{"a", ".digestfs"}));
  EXPECT_EQ(served.names("a"), Names{"_"});
}

}  // namespace
}  // namespace digestfs::fs
