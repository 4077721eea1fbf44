// SPDX-License-Identifier: Apache-2.0
#include "base/flight.h"

#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/side_by_side.h"

namespace digestfs {
namespace {

using std::chrono::seconds;

std::exception_ptr failure(Errc code) { return std::make_exception_ptr(Error(code, "it failed")); }

TEST(Flight, IsUnderWayUntilItLands) {
  Flight flight;
  EXPECT_FALSE(flight.has_landed());
  EXPECT_FALSE(flight.landed_at());
  EXPECT_NO_THROW(flight.rethrow_failure());
  const auto before = Clock::now();
  flight.land(nullptr);
  EXPECT_TRUE(flight.has_landed());
  ASSERT_TRUE(flight.landed_at());
  EXPECT_GE(*flight.landed_at(), before);
  EXPECT_LE(*flight.landed_at(), Clock::now());
  EXPECT_NO_THROW(flight.rethrow_failure());
}

TEST(Flight, GivesItsFailureToEverybodyWhoAsks) {
  Flight flight;
  flight.land(failure(Errc::denied));
  for (int i = 0; i < 2; ++i) {
    try {
      flight.rethrow_failure();
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::denied);
      EXPECT_STREQ(error.what(), "it failed");
    }
  }
}

TEST(Flight, WakesEachWaiterOnceAndInTheLandingThread) {
  Flight flight;
  std::string woken;
  std::thread::id thread;
  EXPECT_TRUE(flight.on_landing([&] { woken += 'a'; }));
  EXPECT_TRUE(flight.on_landing([&] {
    woken += 'b';
    thread = std::this_thread::get_id();
  }));
  EXPECT_EQ(woken, "");
  std::thread lander([&] { flight.land(nullptr); });
  const auto lander_id = lander.get_id();
  lander.join();
  EXPECT_EQ(woken, "ab");
  EXPECT_EQ(thread, lander_id);
}

TEST(Flight, NeverWakesOneWhoComesTooLate) {
  Flight flight;
  flight.land(nullptr);
  bool woken = false;
  EXPECT_FALSE(flight.on_landing([&] { woken = true; }));
  EXPECT_FALSE(woken);
}

TEST(Flight, LetsAWaiterLookAtIt) {
  // No lock is held while waiters are woken: they run the request again, which asks the flight.
  Flight flight;
  bool seen = false;
  EXPECT_TRUE(flight.on_landing([&] {
    seen = flight.has_landed() && !flight.on_landing([] {});
    flight.rethrow_failure();
  }));
  flight.land(nullptr);
  EXPECT_TRUE(seen);
}

TEST(Flight, TellsTheQueueBehindALookupAtOnceForAsLongAgain) {  // promise 5
  Flight flight;
  const auto start = Clock::now();
  EXPECT_EQ(flight.wait_until(seconds(5), start), start + seconds(5));
  // The kernel lets the next one through only when the first has been answered.
  EXPECT_EQ(flight.wait_until(seconds(5), start + seconds(2)), start + seconds(5));
  EXPECT_EQ(flight.wait_until(seconds(5), start + seconds(5)), start + seconds(5));
  EXPECT_EQ(flight.wait_until(seconds(5), start + seconds(9)), start + seconds(5));
  // Then somebody may wait again.
  EXPECT_EQ(flight.wait_until(seconds(5), start + seconds(10)), start + seconds(15));
  EXPECT_EQ(flight.wait_until(seconds(5), start + seconds(12)), start + seconds(15));
}

TEST(Flight, CountsEachPatienceByItself) {
  Flight flight;
  const auto start = Clock::now();
  EXPECT_EQ(flight.wait_until(seconds(2), start), start + seconds(2));
  EXPECT_EQ(flight.wait_until(seconds(5), start + seconds(3)), start + seconds(8));
  EXPECT_EQ(flight.wait_until(seconds(2), start + seconds(3)), start + seconds(2));
}

TEST(Patience, IsLimitedByTheShorterTime) {
  EXPECT_FALSE(Patience::unlimited().limit);
  EXPECT_EQ(Patience::of_lookup().limit, seconds(5));
  const Patience lookup = Patience::of_lookup();
  EXPECT_EQ(lookup.at_most(seconds(2)).limit, seconds(2));
  EXPECT_EQ(lookup.at_most(seconds(9)).limit, seconds(5));
  EXPECT_EQ(lookup.at_most(seconds(2)).since, lookup.since);
  EXPECT_EQ(Patience::unlimited().at_most(seconds(2)).limit, seconds(2));
}

TEST(Await, ReturnsWhenTheFlightHasLandedWell) {
  const auto flight = std::make_shared<Flight>();
  flight->land(nullptr);
  EXPECT_NO_THROW(await(flight, Patience::unlimited()));
  // However long ago the patience ran out: the thing is there.
  EXPECT_NO_THROW(await(flight, {Clock::now() - seconds(60), seconds(5)}));
}

TEST(Await, ThrowsWhatTheFlightEndedWith) {
  const auto flight = std::make_shared<Flight>();
  flight->land(failure(Errc::rate_limited));
  try {
    await(flight, Patience::of_lookup());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::rate_limited);
  }
}

// A caller that joined a flight just before it gave up its place got EINTR, without any signal.
TEST(Await, AsksAgainWhereAFlightHasGivenUp) {
  const auto flight = std::make_shared<Flight>();
  flight->give_up();
  flight->land(failure(Errc::interrupted));
  EXPECT_THROW(await(flight, Patience::unlimited()), Pending);
  EXPECT_THROW(await(flight, Patience::of_lookup()), Pending);
  EXPECT_THROW(await(flight, {Clock::now() - seconds(60), seconds(5)}), Error);
}

TEST(Await, SaysWhatToWaitForAndUntilWhen) {
  const auto flight = std::make_shared<Flight>();
  const Patience patience = Patience::of_lookup();
  try {
    await(flight, patience);
    FAIL();
  } catch (const Pending& pending) {
    EXPECT_EQ(pending.flight, flight);
    // From when the request began, not from when it got here.
    EXPECT_EQ(pending.deadline, patience.since + seconds(5));
  }
}

TEST(Await, WaitsForEverWithUnlimitedPatience) {
  const auto flight = std::make_shared<Flight>();
  try {
    await(flight, Patience::unlimited());
    FAIL();
  } catch (const Pending& pending) {
    EXPECT_EQ(pending.flight, flight);
    EXPECT_FALSE(pending.deadline);
  }
}

TEST(Await, GivesUpWhenThePatienceIsUsedUp) {
  const auto flight = std::make_shared<Flight>();
  try {
    await(flight, {Clock::now() - seconds(6), seconds(5)});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::timed_out);
  }
}

TEST(Await, TellsANewRequestAtOnceWhenAnotherHasWaitedInVain) {  // promise 5
  const auto flight = std::make_shared<Flight>();
  // Somebody asked six seconds ago and was told so one second ago.
  static_cast<void>(flight->wait_until(seconds(5), Clock::now() - seconds(6)));
  EXPECT_THROW(await(flight, Patience::of_lookup()), Error);
  EXPECT_THROW(await(flight, Patience::unlimited()), Pending);
}

TEST(Flight, SaysWhatItDoesAndHowFarItIs) {
  Flight flight("fetch sha256:abc");
  EXPECT_EQ(flight.name(), "fetch sha256:abc");
  EXPECT_EQ(flight.progress().total, 0U);
  flight.begin(10);
  flight.advance(3);
  flight.advance(4);
  EXPECT_EQ(flight.progress().done, 7U);
  EXPECT_EQ(flight.progress().total, 10U);
  flight.begin(20, 5);
  EXPECT_EQ(flight.progress().done, 5U);
  EXPECT_EQ(flight.progress().already, 5U);
  EXPECT_LE(flight.launched_at(), Clock::now());
}

TEST(Flight, CountsTheCallersThatWait) {
  const auto flight = std::make_shared<Flight>();
  std::vector<std::size_t> told;
  flight->on_interest([&] { told.push_back(flight->waiters()); });
  {
    const Waiter first(flight);
    Waiter second(flight);
    EXPECT_EQ(flight->waiters(), 2U);
    const Waiter moved = std::move(second);
    EXPECT_EQ(flight->waiters(), 2U);
  }
  EXPECT_EQ(flight->waiters(), 0U);
  EXPECT_EQ(told, (std::vector<std::size_t>{1, 0})) << "the first that comes, the last that goes";
  flight->land(nullptr);
  const Waiter late(flight);
  EXPECT_EQ(told.size(), 2U);
}

TEST(Flight, IsWaitedForByWhoeverNeedsItBesidesAnother) {
  const auto one = std::make_shared<Flight>();
  const auto two = std::make_shared<Flight>();
  SideBySide steps;
  steps.run([&] { await(one, Patience::unlimited()); });
  steps.run([&] { await(two, Patience::unlimited()); });
  try {
    steps.wait();
    FAIL() << "neither has landed";
  } catch (const Pending& pending) {
    const auto waiters = pending.waiters();
    EXPECT_EQ(one->waiters(), 1U);
    EXPECT_EQ(two->waiters(), 1U);
  }
  EXPECT_EQ(two->waiters(), 0U);
}

TEST(Flight, GivesTheLimitThatItMetToWhoeverWaitedForIt) {
  const auto full = std::make_shared<Flight>();
  full->land(std::make_exception_ptr(std::system_error(ENOSPC, std::generic_category())));
  EXPECT_THROW(full->rethrow_limit(), std::system_error);
  const auto absent = std::make_shared<Flight>();
  absent->land(std::make_exception_ptr(Error(Errc::not_found, "it is not there")));
  EXPECT_NO_THROW(absent->rethrow_limit());
}

TEST(Flight, IsAbandonedOnceNobodyWaitsForItAnyLonger) {
  const auto flight = std::make_shared<Flight>();
  EXPECT_FALSE(flight->is_abandoned()) << "its caller is about to wait";
  {
    const Waiter waiter(flight);
    EXPECT_FALSE(flight->is_abandoned());
  }
  EXPECT_TRUE(flight->is_abandoned());
}

TEST(Flight, IsAbandonedWhenItsCallerFailsOrHasNoPatienceLeft) {
  const auto begun = std::make_shared<Flight>();
  try {
    SideBySide steps;
    steps.run([&] { await(begun, Patience::unlimited()); });
    steps.run([] { throw std::runtime_error("the next step fails"); });
    FAIL() << "it was thrown";
  } catch (const std::runtime_error&) {
    EXPECT_TRUE(begun->is_abandoned());
  }
  const auto late = std::make_shared<Flight>();
  const Patience over{Clock::now() - std::chrono::hours(1), std::chrono::seconds(1)};
  EXPECT_THROW(await(late, over), Error);
  EXPECT_TRUE(late->is_abandoned());
}

}  // namespace
}  // namespace digestfs
