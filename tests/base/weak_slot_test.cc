// SPDX-License-Identifier: Apache-2.0
#include "base/weak_slot.h"

#include <atomic>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

namespace digestfs {
namespace {

TEST(WeakSlot, FindsAnObjectAsLongAsSomebodyOwnsIt) {
  WeakSlot<int> slot;
  EXPECT_EQ(slot.lock(), nullptr);
  auto owner = std::make_shared<int>(7);
  slot.set(owner);
  EXPECT_EQ(slot.lock(), owner);
  const auto other = std::make_shared<int>(8);
  slot.set(other);
  EXPECT_EQ(owner.use_count(), 1);
  EXPECT_EQ(slot.lock(), other);
  slot.set(owner);
  owner.reset();
  EXPECT_EQ(slot.lock(), nullptr);
}

TEST(WeakSlot, IsLookedIntoWhileItIsFilled) {
  WeakSlot<const int> slot;
  std::atomic<bool> is_over = false;
  std::atomic<int> found = 0;
  const auto look = [&] {
    while (!is_over) {
      if (const auto object = slot.lock()) {
        ++found;
        if (*object != 7) ADD_FAILURE() << *object;
      }
    }
  };
  std::jthread one(look);
  std::jthread other(look);
  std::shared_ptr<const int> owner;
  for (int i = 0; i < 50'000; ++i) {
    auto next = std::make_shared<const int>(7);
    slot.set(next);
    owner = std::move(next);
  }
  while (found == 0) slot.set(owner);
  is_over = true;
}

}  // namespace
}  // namespace digestfs
