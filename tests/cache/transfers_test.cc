// SPDX-License-Identifier: Apache-2.0
#include "cache/transfers.h"

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/flight.h"
#include "base/workers.h"

namespace digestfs::cache {
namespace {

using namespace std::chrono_literals;

const std::string kDigest = "sha256:" + std::string(64, 'a');

TEST(Transfers, AreTheFlightsThatHaveAName) {
  Workers workers({1, 1, 1, 1, 1});
  const auto fetch = std::make_shared<Flight>("fetch " + kDigest + " 1 18446744073709551615 0");
  const auto question = std::make_shared<Flight>("tag a b");
  const auto nameless = std::make_shared<Flight>();
  fetch->begin(1000, 100);
  fetch->advance(150);
  const Waiter waiter(fetch);
  for (const auto& flight : {fetch, question, nameless}) {
    workers.launch(Lane::download, flight, [](const std::stop_token& stop) {
      while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
    });
  }
  const auto all = transfers(workers);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].work, "fetch");
  EXPECT_EQ(all[0].object, kDigest);
  EXPECT_TRUE(all[0].has_begun);
  EXPECT_EQ(all[0].progress.done, 250U);
  EXPECT_EQ(all[0].progress.total, 1000U);
  EXPECT_EQ(all[0].waiters, 1U);
  EXPECT_EQ(all[1].work, "tag");
  EXPECT_EQ(all[1].object, "a b");
  EXPECT_FALSE(all[1].has_begun);
}

TEST(Transfers, AreATableForPeople) {
  const Progress progress{
      .done = 25'000'000, .total = 58'000'000, .already = 5'000'000, .time = 4s};
  const std::vector<Transfer> all = {
      {.work = "fetch", .object = kDigest, .has_begun = true, .progress = progress, .waiters = 2},
      {.work = "tag", .object = "v1\x1b[2J", .waiters = 1}};
  EXPECT_EQ(transfer_table(all),
            "    DONE     SIZE       RATE    LEFT WAITING  WORK     OBJECT\n"
            "    25MB     58MB      5MB/s      6s       2  fetch    " +
                kDigest +
                "\n"
                "       -        -          -       -       1  tag      v1\\x1b[2J\n");
}

TEST(Transfers, TellNoRateOfWhatWasThereBefore) {
  // A download that goes on at 900 of 1000 bytes has not come at 900 bytes a second.
  const Progress resumed{.done = 910, .total = 1000, .already = 900, .time = 1s};
  EXPECT_EQ(resumed.bytes_per_second(), 10U);
  EXPECT_EQ(resumed.time_left(), 9s);
  const Progress begun{.done = 900, .total = 1000, .already = 900, .time = 1s};
  EXPECT_EQ(begun.bytes_per_second(), 0U);
  EXPECT_FALSE(begun.time_left());
}

}  // namespace
}  // namespace digestfs::cache
