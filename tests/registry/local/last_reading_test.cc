// SPDX-License-Identifier: Apache-2.0
#include "registry/local/last_reading.h"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "tests/registry/local/local_fixture.h"

namespace digestfs::registry {
namespace {

// dir: hashed its manifest for each question.
TEST(LastReading, ReadsAFileAgainOnlyOnceItHasChanged) {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / "file";
  LastReading<std::string> reading;
  int reads = 0;
  const auto get = [&] {
    const UniqueFd file = open_file(AT_FDCWD, path, O_RDONLY);
    return *reading.get(file.get(), [&] {
      ++reads;
      return read_rest(file.get(), 100);
    });
  };
  test::write_file(path, "one");
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  EXPECT_EQ(get(), "one");
  EXPECT_EQ(get(), "one");
  EXPECT_EQ(reads, 1);
  // What has just changed may change again without a trace. Often enough to be in time once.
  bool was_in_time = false;
  while (!was_in_time) {
    reads = 0;
    const auto since = std::chrono::system_clock::now();
    test::write_file(path, "two");
    EXPECT_EQ(get(), "two");
    EXPECT_EQ(get(), "two");
    was_in_time = std::chrono::system_clock::now() - since < std::chrono::milliseconds(900);
  }
  EXPECT_EQ(reads, 2);
}

TEST(LastReading, KeepsNothingOfAReadingThatFails) {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / "file";
  test::write_file(path, "text");
  const UniqueFd file = open_file(AT_FDCWD, path, O_RDONLY);
  LastReading<std::string> reading;
  const auto failing = [&]() -> std::string { throw Error(Errc::corrupt, "it is none"); };
  EXPECT_EQ(test::failure_of([&] { static_cast<void>(reading.get(file.get(), failing)); }).code,
            Errc::corrupt);
  EXPECT_EQ(*reading.get(file.get(), [] { return std::string("read"); }), "read");
}

}  // namespace
}  // namespace digestfs::registry
