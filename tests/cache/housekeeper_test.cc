// SPDX-License-Identifier: Apache-2.0
#include "cache/housekeeper.h"

#include <atomic>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/cache_folder.h"

namespace digestfs::cache {
namespace {

using HousekeeperTest = test::CacheFolder;

// With a smaller bound than before, and nothing that is added.
TEST_F(HousekeeperTest, ThrowsOutAtTheStartWhatIsTooMuch) {
  const Digest digest = test::keep(Store(path(), {.free_percent = 0}), std::string(1000, 'a'));
  const Store store(path(), {.size = 999, .free_percent = 0});
  const Housekeeper housekeeper(store);
  while (store.open(Area::blobs, digest)) std::this_thread::yield();
}

// What was in use when something was added.
TEST_F(HousekeeperTest, ThrowsOutWhatIsTooMuchOnceItIsClosed) {
  const Store store(path(), {.size = 999, .free_percent = 0});
  const Housekeeper housekeeper(store, std::chrono::milliseconds(1));
  auto file = std::optional<UniqueFd>();
  const Digest digest = digest_of(std::string(1000, 'a'));
  while (!file) {
    static_cast<void>(test::keep(store, std::string(1000, 'a')));
    file = store.open(Area::blobs, digest);
  }
  file.reset();
  while (store.open(Area::blobs, digest)) std::this_thread::yield();
}

TEST_F(HousekeeperTest, DoesAnotherChoreEachTime) {
  const Store store(path(), {});
  std::atomic<int> done = 0;
  const Housekeeper housekeeper(store, std::chrono::milliseconds(1),
                                [&done](const std::stop_token& /*stop*/) { ++done; });
  while (done < 3) std::this_thread::yield();
}

TEST_F(HousekeeperTest, EndsAtOnce) {
  const Store store(path(), {});
  const Housekeeper housekeeper(store, std::chrono::hours(1));
}

}  // namespace
}  // namespace digestfs::cache
