// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "base/workers.h"
#include "cache/problems.h"
#include "cache/store.h"
#include "fs/place/place.h"
#include "tests/support/landing.h"
#include "tests/support/memory_repositories.h"
#include "tests/support/mounted.h"

namespace digestfs::fs {
namespace {

TEST(Place, BelievesNothingAnyLongerOnceItIsToldToAskAgain) {
  const test::TemporaryDirectory folder;
  const cache::Store store(folder.path() / "cache", {.free_percent = 0});
  Workers workers({2, 2, 2});
  cache::Problems problems("memory:");
  Inodes inodes;
  const PassthroughState passthrough;
  const MountParts parts{store, workers, problems, cache::Network::allowed, inodes, passthrough};
  const auto repositories = std::make_shared<test::MemoryRepositories>();
  Place place(parts, repositories, "", {.tag_ttl = std::chrono::hours(1)});
  repositories->at("a");
  place.start({});
  const auto exists = [&](const std::string& name) {
    return test::landed([&] { return place.root().lookup(name, Patience::unlimited()); })
        .has_value();
  };
  const auto names = [&] {
    return test::landed([&] { return place.root().list(Patience::unlimited()); })->size();
  };
  EXPECT_EQ(names(), 2U);  // `a` and `.digestfs`
  EXPECT_FALSE(exists("b"));
  repositories->at("b");
  EXPECT_FALSE(exists("b"));
  EXPECT_EQ(names(), 2U);
  place.ask_again();
  EXPECT_TRUE(exists("b"));
  EXPECT_EQ(names(), 3U);
  workers.stop();
}

}  // namespace
}  // namespace digestfs::fs
