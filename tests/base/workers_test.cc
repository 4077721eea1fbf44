// SPDX-License-Identifier: Apache-2.0
#include "base/workers.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <latch>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <pthread.h>

#include "base/error.h"

namespace digestfs {
namespace {

/// Makes `most` at least `value`, whatever other threads do with it.
void raise(std::atomic<int>& most, int value) {
  int before = most;
  while (before < value && !most.compare_exchange_weak(before, value)) {
  }
}

void wait_for(Flight& flight) {
  std::promise<void> landed;
  if (flight.on_landing([&] { landed.set_value(); })) landed.get_future().wait();
}

Errc failure_of(const Flight& flight) {
  try {
    flight.rethrow_failure();
  } catch (const Error& error) {
    return error.code();
  }
  throw std::logic_error("the flight went well");
}

/// Blocks until its token says stop.
void until_stopped(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait(lock, stop, [] { return false; });
}

TEST(Workers, LandTheFlightWhenTheWorkReturns) {
  Workers workers({1, 1, 1});
  for (const Lane lane : {Lane::question, Lane::download, Lane::disk}) {
    const auto flight = std::make_shared<Flight>();
    bool done = false;
    workers.launch(lane, flight, [&](std::stop_token stop) { done = !stop.stop_requested(); });
    wait_for(*flight);
    EXPECT_TRUE(done);
    EXPECT_NO_THROW(flight->rethrow_failure());
  }
}

TEST(Workers, LandTheFlightWithWhateverTheWorkThrows) {
  Workers workers({1, 1, 1});
  const auto flight = std::make_shared<Flight>();
  workers.launch(Lane::disk, flight, [](std::stop_token) { throw std::bad_alloc(); });
  wait_for(*flight);
  EXPECT_THROW(flight->rethrow_failure(), std::bad_alloc);
  // And the thread lives on.
  const auto next = std::make_shared<Flight>();
  workers.launch(Lane::disk, next, [](std::stop_token) {});
  wait_for(*next);
  EXPECT_NO_THROW(next->rethrow_failure());
}

TEST(Workers, RunAsManyAtOnceAsTheLaneHasThreads) {
  Workers workers({3, 1, 1});
  std::latch together(3);  // passes only if three run at the same time
  std::vector<std::shared_ptr<Flight>> flights;
  for (int i = 0; i < 3; ++i) {
    flights.push_back(std::make_shared<Flight>());
    workers.launch(Lane::question, flights.back(),
                   [&](std::stop_token) { together.arrive_and_wait(); });
  }
  for (const auto& flight : flights) wait_for(*flight);
}

TEST(Workers, RunNoMoreAtOnceAndInOrder) {
  Workers workers({1, 1, 1});
  std::atomic<int> running = 0;
  std::vector<int> order;
  std::vector<std::shared_ptr<Flight>> flights;
  for (int i = 0; i < 20; ++i) {
    flights.push_back(std::make_shared<Flight>());
    workers.launch(Lane::download, flights.back(), [&, i](std::stop_token) {
      EXPECT_EQ(++running, 1);
      order.push_back(i);
      --running;
    });
  }
  for (const auto& flight : flights) wait_for(*flight);
  ASSERT_EQ(order.size(), 20U);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(Workers, LetNoLaneHoldUpAnother) {
  Workers workers({1, 1, 1});
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  const auto stalled = std::make_shared<Flight>();
  workers.launch(Lane::download, stalled, [&](std::stop_token) { opened.wait(); });
  for (const Lane lane : {Lane::question, Lane::disk}) {
    const auto flight = std::make_shared<Flight>();
    workers.launch(lane, flight, [](std::stop_token) {});
    wait_for(*flight);
  }
  EXPECT_FALSE(stalled->has_landed());
  gate.set_value();
  wait_for(*stalled);
}

TEST(Workers, StopEndsWhatRunsAndInterruptsWhatIsQueued) {
  Workers workers({1, 1, 1});
  std::promise<void> begun;
  const auto running = std::make_shared<Flight>();
  workers.launch(Lane::download, running, [&](std::stop_token stop) {
    begun.set_value();
    until_stopped(stop);
    throw Error(Errc::timed_out, "it was stopped");
  });
  begun.get_future().wait();
  // The one thread is busy, so these wait.
  std::vector<std::shared_ptr<Flight>> queued;
  for (int i = 0; i < 3; ++i) {
    queued.push_back(std::make_shared<Flight>());
    workers.launch(Lane::download, queued.back(), [](std::stop_token stop) {
      // Taken by the thread in the moment between the two: then told to stop.
      EXPECT_TRUE(stop.stop_requested());
      throw Error(Errc::interrupted, "it was stopped");
    });
  }
  workers.stop();
  EXPECT_TRUE(running->has_landed());
  EXPECT_EQ(failure_of(*running), Errc::timed_out);
  for (const auto& flight : queued) {
    EXPECT_TRUE(flight->has_landed());
    EXPECT_EQ(failure_of(*flight), Errc::interrupted);
  }
  workers.stop();  // idempotent
}

TEST(Workers, AfterStopAFlightLandsAtOnce) {
  Workers workers({1, 1, 1});
  workers.stop();
  const auto flight = std::make_shared<Flight>();
  bool ran = false;
  workers.launch(Lane::question, flight, [&](std::stop_token) { ran = true; });
  EXPECT_TRUE(flight->has_landed());
  EXPECT_EQ(failure_of(*flight), Errc::interrupted);
  EXPECT_FALSE(ran);
}

TEST(Workers, StopWhenTheyAreDestroyed) {
  const auto flight = std::make_shared<Flight>();
  {
    Workers workers({1, 1, 1});
    workers.launch(Lane::disk, flight, [](const std::stop_token& stop) { until_stopped(stop); });
  }
  EXPECT_TRUE(flight->has_landed());
}

TEST(Workers, DropTheWorkBeforeItsFlightLands) {
  // What the work holds (a file, a lock on a partial download) is free when others are woken.
  Workers workers({1, 1, 1});
  auto held = std::make_shared<int>(0);  // const would be copied, not moved, out of the work
  const std::weak_ptr<int> watched = held;
  const auto flight = std::make_shared<Flight>();
  std::promise<bool> gone;
  ASSERT_TRUE(flight->on_landing([&] { gone.set_value(watched.use_count() == 1); }));
  workers.launch(Lane::disk, flight, [held](std::stop_token) {});
  EXPECT_TRUE(gone.get_future().get());
}

/// Makes the system give no thread while it lives: the stack of a new one would be too large.
class NoThreads {
 public:
  NoThreads() {
    ::pthread_getattr_default_np(&before_);
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, std::size_t{1} << 46U);
    ::pthread_setattr_default_np(&attributes);
    ::pthread_attr_destroy(&attributes);
  }
  NoThreads(const NoThreads&) = delete;
  NoThreads& operator=(const NoThreads&) = delete;
  ~NoThreads() { ::pthread_setattr_default_np(&before_); }

 private:
  pthread_attr_t before_{};
};

// Promise 10. The flight used to stay in its table for ever, and everybody who joined it waited.
TEST(Workers, LandTheFlightWhenNoThreadCanBeStarted) {
  Workers workers({1, 1, 1});
  const auto flight = std::make_shared<Flight>();
  {
    const NoThreads limit;
    EXPECT_FALSE(workers.launch(Lane::disk, flight, [](std::stop_token) {}));
  }
  ASSERT_TRUE(flight->has_landed());
  EXPECT_THROW(flight->rethrow_failure(), std::system_error);
  const auto next = std::make_shared<Flight>();
  EXPECT_TRUE(workers.launch(Lane::disk, next, [](std::stop_token) {}));
  wait_for(*next);
  EXPECT_NO_THROW(next->rethrow_failure());
}

TEST(Workers, DoWithTheThreadsThatTheyHaveWhenNoFurtherCanBeStarted) {
  Workers workers({2, 1, 1});
  const auto first = std::make_shared<Flight>();
  std::promise<void> gate;
  workers.launch(Lane::question, first, [&](std::stop_token) { gate.get_future().wait(); });
  const auto second = std::make_shared<Flight>();
  {
    const NoThreads limit;
    EXPECT_TRUE(workers.launch(Lane::question, second, [](std::stop_token) {}));
  }
  gate.set_value();
  wait_for(*second);
  EXPECT_NO_THROW(second->rethrow_failure());
}

TEST(Workers, FirstDoWhatACallerWaitsFor) {
  Workers workers({1, 1, 1});
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  const auto running = std::make_shared<Flight>();
  const Waiter reader(running);
  workers.launch(Lane::download, running, [&](std::stop_token) { opened.wait(); });
  std::vector<int> order;
  std::vector<std::shared_ptr<Flight>> queued;
  for (int i = 0; i < 3; ++i) {
    queued.push_back(std::make_shared<Flight>());
    workers.launch(Lane::download, queued.back(), [&, i](std::stop_token) { order.push_back(i); });
  }
  const Waiter waiter(queued[1]);
  gate.set_value();
  for (const auto& flight : queued) wait_for(*flight);
  EXPECT_EQ(order, (std::vector<int>{1, 0, 2}));
}

// Promise 10. The readers of downloads were killed, and the next reader queued behind them.
TEST(Workers, EndWhatNoCallerWaitsForWhereOneNeedsItsPlace) {
  Workers workers({1, 2, 1});
  std::array<std::shared_ptr<Flight>, 2> running = {std::make_shared<Flight>(),
                                                    std::make_shared<Flight>()};
  std::optional<Waiter> reader(running[0]);
  std::latch begun(2);
  for (const auto& flight : running) {
    workers.launch(Lane::download, flight, [&](const std::stop_token& stop) {
      begun.count_down();
      until_stopped(stop);
      throw Error(Errc::interrupted, "it was stopped");
    });
  }
  begun.wait();
  const auto first = std::make_shared<Flight>();
  workers.launch(Lane::download, first, [](std::stop_token) {});
  EXPECT_FALSE(running[1]->has_landed()) << "nobody waits for the next one yet";
  const Waiter next(first);
  // Its caller has launched it, and is about to wait.
  EXPECT_FALSE(running[1]->is_abandoned());
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(running[1]->has_landed()) << "its caller was not given the time to wait";
  { const Waiter came_and_went(running[1]); }
  wait_for(*first);
  EXPECT_NO_THROW(first->rethrow_failure());
  wait_for(*running[1]);
  EXPECT_EQ(failure_of(*running[1]), Errc::interrupted);
  EXPECT_FALSE(running[0]->has_landed()) << "somebody waits for it";
  // Now the other reader goes as well, while two downloads are waited for.
  std::array<std::shared_ptr<Flight>, 2> both;
  std::vector<Waiter> callers;
  std::latch together(2);
  for (auto& flight : both) {
    flight = std::make_shared<Flight>();
    workers.launch(Lane::download, flight, [&](std::stop_token) { together.arrive_and_wait(); });
    callers.emplace_back(flight);
  }
  reader.reset();
  for (const auto& flight : both) wait_for(*flight);
  EXPECT_EQ(failure_of(*running[0]), Errc::interrupted);
}

TEST(Workers, FinishWhatGivesNamesAtTheEnd) {
  Workers workers({1, 1, 1});
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  std::latch begun(1);
  std::array<std::shared_ptr<Flight>, 2> flights = {std::make_shared<Flight>(),
                                                    std::make_shared<Flight>()};
  std::atomic<bool> was_told_to_stop = false;
  std::atomic<int> done = 0;
  workers.launch(Lane::name, flights[0], [&](const std::stop_token& stop) {
    begun.count_down();
    opened.wait();
    was_told_to_stop = stop.stop_requested();
    ++done;
  });
  workers.launch(Lane::name, flights[1], [&](std::stop_token) { ++done; });
  begun.wait();
  EXPECT_FALSE(workers.stop_within(std::chrono::milliseconds(1)));
  EXPECT_FALSE(workers.launch(Lane::name, std::make_shared<Flight>(), [](std::stop_token) {}));
  gate.set_value();
  workers.await_end_of(Lane::name);
  workers.stop();
  EXPECT_EQ(done, 2);
  EXPECT_FALSE(was_told_to_stop);
  for (const auto& flight : flights) EXPECT_NO_THROW(flight->rethrow_failure());
}

TEST(Workers, BeginAgainWhatIsNotYetPossibleAndDoOtherWorkMeanwhile) {
  Workers workers({1, 1, 1});
  std::atomic<int> attempts = 0;
  std::atomic<bool> is_possible = false;
  const auto waiting = std::make_shared<Flight>();
  workers.launch(Lane::download, waiting, [&](std::stop_token) {
    ++attempts;
    if (!is_possible) throw NotYet{std::chrono::milliseconds(1)};
  });
  while (attempts == 0) std::this_thread::yield();
  const auto other = std::make_shared<Flight>();
  workers.launch(Lane::download, other, [](std::stop_token) {});
  wait_for(*other);
  EXPECT_FALSE(waiting->has_landed());
  while (attempts < 3) std::this_thread::yield();
  is_possible = true;
  wait_for(*waiting);
  EXPECT_NO_THROW(waiting->rethrow_failure());
}

TEST(Workers, EndWorkThatIsNotYetPossible) {
  Workers workers({1, 1, 1});
  const auto flight = std::make_shared<Flight>();
  workers.launch(Lane::download, flight,
                 [](std::stop_token) { throw NotYet{std::chrono::hours(1)}; });
  workers.stop();
  EXPECT_EQ(failure_of(*flight), Errc::interrupted);
}

/// Work that enlists `count` times the same help, runs `meanwhile`, and dismisses the help.
Workers::Work with_help(Workers& workers, const Flight& flight, int count, Workers::Work help,
                        std::function<void()> meanwhile) {
  return [&workers, &flight, count, help = std::move(help),
          meanwhile = std::move(meanwhile)](std::stop_token) {
    for (int i = 0; i < count; ++i) workers.enlist(Lane::download, flight, help);
    meanwhile();
    workers.dismiss(Lane::download, flight);
  };
}

TEST(Workers, HelpWithThreadsThatNothingElseNeeds) {
  Workers workers({1, 3, 1});
  const auto flight = std::make_shared<Flight>();
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  std::latch two(2);
  const auto help = [&](const std::stop_token& stop) {
    raise(most, ++now);
    two.count_down();
    until_stopped(stop);
    --now;
    throw NotYet{};
  };
  std::size_t shown = 0;
  workers.launch(Lane::download, flight, with_help(workers, *flight, 2, help, [&] {
                   two.wait();
                   shown = workers.flights().size();
                 }));
  wait_for(*flight);
  EXPECT_EQ(now, 0) << "help outlived the work";
  EXPECT_EQ(most, 2);
  EXPECT_EQ(shown, 1U) << "help is shown as work of its own";
}

TEST(Workers, BeginNoHelpForWhichThereIsNoThread) {
  Workers workers({1, 2, 1});
  const std::array<std::shared_ptr<Flight>, 2> flights = {std::make_shared<Flight>(),
                                                          std::make_shared<Flight>()};
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  const auto count = [&](const auto& work) {
    raise(most, ++now);
    work();
    --now;
  };
  for (const auto& flight : flights) {
    workers.launch(Lane::download, flight, [&, &helped = *flight](std::stop_token) {
      count([&] {
        std::latch turns(3);
        for (int i = 0; i < 3; ++i) {
          workers.enlist(Lane::download, helped,
                         [&](std::stop_token) { count([&] { turns.count_down(); }); });
        }
        // A thread is free once the other work is done.
        if (&helped == flights[1].get()) turns.wait();
        workers.dismiss(Lane::download, helped);
      });
    });
  }
  for (const auto& flight : flights) wait_for(*flight);
  EXPECT_EQ(most, 2);
}

TEST(Workers, BeginHelpAgainAfterItsPauseOnly) {
  Workers workers({1, 2, 1});
  const auto flight = std::make_shared<Flight>();
  std::atomic<int> soon = 0;
  std::atomic<int> late = 0;
  std::promise<void> thrice;
  workers.launch(Lane::download, flight, [&](std::stop_token) {
    workers.enlist(Lane::download, *flight, [&](std::stop_token) {
      ++late;
      throw NotYet{std::chrono::hours(1)};
    });
    workers.enlist(Lane::download, *flight, [&](std::stop_token) {
      if (++soon == 3) thrice.set_value();
      throw NotYet{std::chrono::milliseconds(1)};
    });
    thrice.get_future().wait();
    workers.dismiss(Lane::download, *flight);
  });
  wait_for(*flight);
  EXPECT_EQ(late, 1);
}

// Promise 10. Help may hang as long as anything else that waits for the network.
TEST(Workers, LetHelpGiveWayToWhatACallerWaitsFor) {
  Workers workers({1, 2, 1});
  const auto flight = std::make_shared<Flight>();
  std::promise<void> begun;
  std::promise<void> begun_again;
  std::atomic<int> times = 0;
  const auto help = [&](const std::stop_token& stop) {
    if (++times == 1) begun.set_value();
    if (times == 2) begun_again.set_value();
    until_stopped(stop);
    throw NotYet{};
  };
  workers.launch(Lane::download, flight,
                 with_help(workers, *flight, 1, help, [&] { begun_again.get_future().wait(); }));
  begun.get_future().wait();
  const auto other = std::make_shared<Flight>();
  workers.launch(Lane::download, other, [](std::stop_token) {});
  const Waiter waiter(other);
  wait_for(*other);
  EXPECT_NO_THROW(other->rethrow_failure());
  wait_for(*flight);
  EXPECT_EQ(times, 2);
}

// Two callers may join a flight before its work is queued: then nobody begins to wait afterwards.
TEST(Workers, LetHelpGiveWayToWhatACallerHasWaitedForBefore) {
  Workers workers({1, 2, 1});
  const auto flight = std::make_shared<Flight>();
  std::promise<void> begun;
  std::promise<void> gate;
  const auto help = [&](const std::stop_token& stop) {
    begun.set_value();
    until_stopped(stop);
  };
  workers.launch(Lane::download, flight,
                 with_help(workers, *flight, 1, help, [&] { gate.get_future().wait(); }));
  begun.get_future().wait();
  const auto other = std::make_shared<Flight>();
  const Waiter waiter(other);
  workers.launch(Lane::download, other, [](std::stop_token) {});
  wait_for(*other);
  gate.set_value();
  wait_for(*flight);
}

TEST(Workers, DoWhatNoCallerWaitsForBetweenTwoTurnsOfHelp) {
  Workers workers({1, 2, 1});
  const auto flight = std::make_shared<Flight>();
  std::promise<void> begun;
  std::promise<void> gate;
  std::promise<void> ended;
  std::string order;
  const auto help = [&](const std::stop_token& stop) {
    EXPECT_FALSE(stop.stop_requested());
    order += 'h';
    if (order == "h") {
      begun.set_value();
      gate.get_future().wait();
      throw NotYet{};
    }
    ended.set_value();
  };
  workers.launch(Lane::download, flight,
                 with_help(workers, *flight, 1, help, [&] { ended.get_future().wait(); }));
  begun.get_future().wait();
  workers.launch(Lane::download, std::make_shared<Flight>(),
                 [&](std::stop_token) { order += 'o'; });
  gate.set_value();
  wait_for(*flight);
  EXPECT_EQ(order, "hoh");
}

TEST(Workers, NeverBeginHelpThatWasDismissedBefore) {
  Workers workers({1, 1, 1});
  const auto flight = std::make_shared<Flight>();
  std::atomic<int> times = 0;
  workers.launch(Lane::download, flight,
                 with_help(
                     workers, *flight, 3, [&](std::stop_token) { ++times; }, [] {}));
  wait_for(*flight);
  workers.await_end_of(Lane::download);
  EXPECT_EQ(times, 0);
}

TEST(Workers, StopHelpTogetherWithWhatItHelps) {
  Workers workers({1, 2, 1});
  const auto flight = std::make_shared<Flight>();
  std::promise<void> begun;
  workers.launch(Lane::download, flight, [&](const std::stop_token& stop) {
    workers.enlist(Lane::download, *flight, [&](const std::stop_token& help_stop) {
      begun.set_value();
      until_stopped(help_stop);
      throw NotYet{};
    });
    until_stopped(stop);
    workers.dismiss(Lane::download, *flight);
    throw Error(Errc::interrupted, "it was stopped");
  });
  begun.get_future().wait();
  workers.stop();
  EXPECT_EQ(failure_of(*flight), Errc::interrupted);
}

// SIGTERM waited for a thread that a slow disk held in fdatasync.
TEST(Workers, DoNotWaitForeverForAThreadThatCannotEnd) {
  Workers workers({1, 1, 1});
  std::promise<void> begun;
  std::promise<void> released;
  workers.launch(Lane::disk, std::make_shared<Flight>(), [&](std::stop_token) {
    begun.set_value();
    released.get_future().wait();
  });
  begun.get_future().wait();
  EXPECT_FALSE(workers.stop_within(std::chrono::milliseconds(1)));
  released.set_value();
  EXPECT_TRUE(workers.stop_within(std::chrono::hours(1)));
  EXPECT_TRUE(workers.stop_within(std::chrono::hours(1)));
}

}  // namespace
}  // namespace digestfs
