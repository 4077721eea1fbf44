// SPDX-License-Identifier: Apache-2.0
#include "base/versioned.h"

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace digestfs {
namespace {

/// Sound if all of them are the same.
struct Numbers {
  std::uint64_t first = 0;
  std::uint64_t middle = 0;
  std::uint64_t last = 0;
  char flag = 0;

  [[nodiscard]] bool is_sound() const { return first == middle && middle == last; }
};

TEST(Versioned, HasTheValueThatItWasGivenLast) {
  Versioned<Numbers> numbers(Numbers{1, 1, 1, 'a'});
  EXPECT_EQ(numbers.load().first, 1U);
  EXPECT_EQ(numbers.load().flag, 'a');
  numbers.change([](Numbers& value) { value.last = 7; });
  EXPECT_EQ(numbers.load().first, 1U);
  EXPECT_EQ(numbers.load().last, 7U);
}

TEST(Versioned, GivesNoCopyThatIsHalfOfOneValueAndHalfOfAnother) {
  Versioned<Numbers> numbers;
  std::atomic<int> writers = 2;
  const auto write = [&] {
    for (int i = 0; i < 100'000; ++i) {
      numbers.change([](Numbers& value) {
        const std::uint64_t next = value.first + 1;
        value = {next, next, next, 'b'};
      });
    }
    --writers;
  };
  std::jthread one(write);
  std::jthread other(write);
  std::uint64_t before = 0;
  while (writers > 0) {
    const Numbers now = numbers.load();
    ASSERT_TRUE(now.is_sound());
    ASSERT_GE(now.first, before);
    before = now.first;
  }
  EXPECT_EQ(numbers.load().first, 200'000U);
}

}  // namespace
}  // namespace digestfs
