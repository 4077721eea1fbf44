// SPDX-License-Identifier: Apache-2.0
#include "base/flights.h"

#include <atomic>
#include <future>
#include <new>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"

namespace digestfs {
namespace {

void wait_for(Flight& flight) {
  std::promise<void> landed;
  if (flight.on_landing([&] { landed.set_value(); })) landed.get_future().wait();
}

TEST(Flights, B8GiveOneFlightAKeyHoweverManyWantIt) {
  Workers workers({2, 1, 1});
  Flights flights(workers);
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  std::atomic<int> runs = 0;
  const auto work = [&](std::stop_token) {
    ++runs;
    opened.wait();
  };
  const auto first = flights.join("a", Lane::question, work);
  std::vector<std::shared_ptr<Flight>> joined(8);
  {
    std::vector<std::jthread> threads;
    for (auto& flight : joined) {
      threads.emplace_back([&] { flight = flights.join("a", Lane::question, work); });
    }
  }
  for (const auto& flight : joined) EXPECT_EQ(flight, first);
  const auto other = flights.join("b", Lane::question, work);
  EXPECT_NE(other, first);
  gate.set_value();
  wait_for(*first);
  wait_for(*other);
  EXPECT_EQ(runs, 2);
}

TEST(Flights, ForgetWhatWentWellBeforeAnybodyIsTold) {
  Workers workers({1, 1, 1});
  Flights flights(workers);
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  const auto first = flights.join("a", Lane::question, [&](std::stop_token) { opened.wait(); });
  std::shared_ptr<Flight> next;
  std::promise<void> joined;
  ASSERT_TRUE(first->on_landing([&] {
    next = flights.join("a", Lane::question, [](std::stop_token) {});
    joined.set_value();
  }));
  gate.set_value();
  joined.get_future().wait();
  EXPECT_NE(next, first);
  wait_for(*next);
}

TEST(Flights, RememberAFailure) {  // promise 5
  Workers workers({1, 1, 1});
  Flights flights(workers);
  const auto first = flights.join("a", Lane::download, [](std::stop_token) {
    throw Error(Errc::unavailable, "cannot connect");
  });
  wait_for(*first);
  bool asked_again = false;
  const auto second =
      flights.join("a", Lane::download, [&](std::stop_token) { asked_again = true; });
  EXPECT_EQ(second, first);
  EXPECT_THROW(second->rethrow_failure(), Error);
  // Of that key only.
  const auto other = flights.join("b", Lane::download, [](std::stop_token) {});
  wait_for(*other);
  EXPECT_NO_THROW(other->rethrow_failure());
  workers.stop();
  EXPECT_FALSE(asked_again);
}

TEST(Flights, LandAtOnceAfterTheWorkersStopped) {
  Workers workers({1, 1, 1});
  Flights flights(workers);
  workers.stop();
  const auto flight = flights.join("a", Lane::disk, [](std::stop_token) { FAIL(); });
  EXPECT_TRUE(flight->has_landed());
  EXPECT_THROW(flight->rethrow_failure(), Error);
}

TEST(Flights, TellTheirNameAndProgress) {
  Workers workers({1, 1, 1});
  Flights flights(workers);
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  std::promise<void> counted;
  const auto flight =
      flights.join("fetch a", Lane::download, [&](const std::stop_token&, Flight& own) {
        own.begin(10);
        own.advance(4);
        counted.set_value();
        opened.wait();
      });
  counted.get_future().wait();
  const auto all = workers.flights();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0]->name(), "fetch a");
  EXPECT_EQ(all[0]->progress().done, 4U);
  EXPECT_EQ(all[0]->progress().total, 10U);
  gate.set_value();
  wait_for(*flight);
}

// A registry that is asked for one absent digest after the other must not make memory grow.
TEST(Flights, RememberABoundedNumberOfFailures) {
  Workers workers({4, 1, 1});
  Flights flights(workers);
  for (std::size_t i = 0; i < 3 * Flights::kMaxFailures; ++i) {
    wait_for(*flights.join(std::to_string(i), Lane::question, [](std::stop_token) {
      throw Error(Errc::not_found, "there is no such thing");
    }));
  }
  EXPECT_LE(flights.size(), Flights::kMaxFailures);
  EXPECT_GT(flights.size(), 0U);
}

// Promise 10: the next request works once there is room.
TEST(Flights, DoNotShareTheFailureOfALimit) {
  Workers workers({1, 1, 1});
  Flights flights(workers);
  const auto first = flights.join("a", Lane::disk, [](std::stop_token) { throw std::bad_alloc(); });
  wait_for(*first);
  EXPECT_THROW(first->rethrow_failure(), std::bad_alloc);
  const auto second = flights.join("a", Lane::disk, [](std::stop_token) {});
  EXPECT_NE(second, first);
  wait_for(*second);
  EXPECT_NO_THROW(second->rethrow_failure());
}

TEST(Flights, DoNotShareWhatGaveUpItsPlace) {
  Workers workers({1, 1, 1});
  Flights flights(workers);
  const auto given_up = flights.join("a", Lane::download, [](std::stop_token) {
    throw Error(Errc::interrupted, "it gave up its place");
  });
  wait_for(*given_up);
  EXPECT_TRUE(given_up->has_given_up());
  const auto again = flights.join("a", Lane::download, [](std::stop_token) {});
  EXPECT_FALSE(again->has_given_up());
  EXPECT_NE(again, given_up);
  wait_for(*again);
}

// Those that queued behind a caller whose patience was used up waited as long as it once more.
TEST(Flights, KeepTheDeadlinesOfWhatGaveUpItsPlace) {  // promise 5
  Workers workers({1, 1, 1});
  Flights flights(workers);
  const auto given_up = flights.join("a", Lane::download, [](std::stop_token) {
    throw Error(Errc::interrupted, "it gave up its place");
  });
  const auto began = Clock::now();
  const auto deadline = given_up->wait_until(kLookupPatience, began);
  wait_for(*given_up);
  const auto again = flights.join("a", Lane::download, [](std::stop_token) {});
  EXPECT_EQ(again->wait_until(kLookupPatience, deadline + std::chrono::seconds(1)), deadline);
  wait_for(*again);
}

}  // namespace
}  // namespace digestfs
