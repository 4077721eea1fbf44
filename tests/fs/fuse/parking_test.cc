// SPDX-License-Identifier: Apache-2.0
#include "fs/fuse/parking.h"

#include <atomic>
#include <future>

#include <gtest/gtest.h>

#include "base/error.h"

namespace digestfs::fs {
namespace {

/// A request that waits for `flight` until it has landed, and how it ended.
struct Waiter {
  explicit Waiter(std::shared_ptr<Flight> for_flight) : flight(std::move(for_flight)) {}

  Parking::Id enter(Parking& parking) {
    return parking.enter(
        [this] {
          ++attempts;
          if (!flight->has_landed()) throw Pending{flight, deadline};
          flight->rethrow_failure();
          done.set_value("answered");
        },
        [this](const std::exception_ptr& failure) {
          try {
            std::rethrow_exception(failure);
          } catch (const Error& error) {
            done.set_value(std::string(to_string(error.code())));
          }
        });
  }

  std::shared_ptr<Flight> flight;
  std::optional<Clock::time_point> deadline;
  std::atomic<int> attempts{0};
  std::promise<std::string> done;
};

TEST(Parking, AttemptsARequestAgainWhenItsFlightHasLanded) {
  Parking parking;
  Waiter waiter(std::make_shared<Flight>());
  parking.wait(waiter.enter(parking), Pending{waiter.flight, {}});
  EXPECT_EQ(waiter.attempts, 0);
  waiter.flight->land(nullptr);
  EXPECT_EQ(waiter.done.get_future().get(), "answered");
  EXPECT_EQ(waiter.attempts, 1);
}

TEST(Parking, AttemptsAtOnceWhatHasLandedAlready) {
  Parking parking;
  Waiter waiter(std::make_shared<Flight>());
  const auto id = waiter.enter(parking);
  waiter.flight->land(nullptr);
  parking.wait(id, Pending{waiter.flight, {}});
  EXPECT_EQ(waiter.done.get_future().get(), "answered");
}

TEST(Parking, LooksAgainWhetherARequestWasReallyGivenUp) {
  Parking parking;
  const auto flight = std::make_shared<Flight>();
  std::atomic<bool> given_up{false};
  std::atomic<int> looks{0};
  std::promise<Errc> done;
  const auto id = parking.enter(
      [&] {
        throw Pending{flight, {}};
      },
      [&](const std::exception_ptr& failure) {
        try {
          std::rethrow_exception(failure);
        } catch (const Error& error) {
          done.set_value(error.code());
        }
      },
      [&] {
        ++looks;
        return given_up.load();
      });
  parking.wait(id, Pending{flight, {}});
  parking.interrupt(id);
  auto outcome = done.get_future();
  while (looks < 3) std::this_thread::yield();
  EXPECT_EQ(outcome.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  given_up = true;
  EXPECT_EQ(outcome.get(), Errc::interrupted);
}

TEST(Parking, PassesAFailureOn) {
  Parking parking;
  Waiter waiter(std::make_shared<Flight>());
  parking.wait(waiter.enter(parking), Pending{waiter.flight, {}});
  waiter.flight->land(std::make_exception_ptr(Error(Errc::denied, "no")));
  EXPECT_EQ(waiter.done.get_future().get(), "denied");
}

TEST(Parking, EndsAnInterruptedRequestAtOnceAndOnce) {
  Parking parking;
  Waiter waiter(std::make_shared<Flight>());
  const auto id = waiter.enter(parking);
  parking.wait(id, Pending{waiter.flight, {}});
  parking.interrupt(id);
  EXPECT_EQ(waiter.done.get_future().get(), "interrupted");
  parking.interrupt(id);
  waiter.flight->land(nullptr);  // nobody is left to be woken: a second answer would throw
  EXPECT_EQ(waiter.attempts, 0);
}

TEST(Parking, RemembersAnInterruptThatCameBeforeTheWait) {
  Parking parking;
  Waiter waiter(std::make_shared<Flight>());
  const auto id = waiter.enter(parking);
  parking.interrupt(id);
  parking.wait(id, Pending{waiter.flight, {}});
  EXPECT_EQ(waiter.done.get_future().get(), "interrupted");
}

TEST(Parking, AttemptsAgainWhenTheDeadlineHasCome) {
  Parking parking;
  const auto flight = std::make_shared<Flight>();
  // Often: a deadline that was over before its request waited once woke nobody.
  for (int i = 0; i < 300; ++i) {
    std::promise<void> attempted;
    const auto id = parking.enter([&] { attempted.set_value(); }, [](const std::exception_ptr&) {});
    parking.wait(id, Pending{flight, Clock::now()});
    attempted.get_future().get();
  }
}

TEST(Parking, EndsAllWaitingWhenItCloses) {
  Parking parking;
  Waiter before(std::make_shared<Flight>());
  Waiter after(std::make_shared<Flight>());
  parking.wait(before.enter(parking), Pending{before.flight, {}});
  parking.close();
  EXPECT_EQ(before.done.get_future().get(), "interrupted");
  parking.wait(after.enter(parking), Pending{after.flight, {}});
  EXPECT_EQ(after.done.get_future().get(), "interrupted");
}

}  // namespace
}  // namespace digestfs::fs
