// SPDX-License-Identifier: Apache-2.0
#include "base/slots.h"

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace digestfs {
namespace {

using Numbers = Slots<int>;

TEST(Slots, HasAPlaceForEachOfMany) {
  Numbers slots;
  std::set<Numbers::Slot*> taken;
  for (int i = 0; i < 10'000; ++i) {
    Numbers::Slot& slot = slots.take();
    EXPECT_TRUE(taken.insert(&slot).second);
    slot.value = i;
  }
  std::set<int> values;
  for (const auto* slot : taken) values.insert(slot->value);
  EXPECT_EQ(values.size(), 10'000U);
}

TEST(Slots, UsesAPlaceAgain) {
  Numbers slots;
  std::set<Numbers::Slot*> taken;
  for (int i = 0; i < 10'000; ++i) {
    Numbers::Slot& slot = slots.take();
    taken.insert(&slot);
    slots.give_back(slot);
  }
  EXPECT_EQ(taken.size(), 1U);
}

TEST(Slots, GivesAPlaceToOneThreadOnly) {
  Slots<std::atomic<int>> slots;
  std::atomic<int> shared = 0;
  const auto work = [&] {
    for (int i = 0; i < 20'000; ++i) {
      std::vector<Slots<std::atomic<int>>::Slot*> mine;
      for (int j = 0; j < 5; ++j) {
        mine.push_back(&slots.take());
        if (mine.back()->value.fetch_add(1) != 0) ++shared;
      }
      for (auto* slot : mine) {
        slot->value.fetch_sub(1);
        slots.give_back(*slot);
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back(work);
  }
  EXPECT_EQ(shared, 0);
}

}  // namespace
}  // namespace digestfs
