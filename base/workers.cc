// SPDX-License-Identifier: Apache-2.0
#include "base/workers.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace digestfs {
namespace {

std::exception_ptr stopping() {
  return std::make_exception_ptr(Error(Errc::interrupted, "the file system is being unmounted"));
}

}  // namespace

Workers::Workers(const std::array<std::size_t, kLanes>& threads) {
  for (std::size_t i = 0; i < kLanes; ++i) {
    lanes_[i] = std::make_shared<LaneState>();
    lanes_[i]->limit = std::max<std::size_t>(threads[i], 1);
  }
  lanes_[static_cast<std::size_t>(Lane::name)]->is_finished_at_end = true;
}

Workers::~Workers() { stop(); }

bool Workers::launch(Lane lane, const std::shared_ptr<Flight>& flight, Work work) {
  const auto& state = lanes_[static_cast<std::size_t>(lane)];
  std::exception_ptr failure;
  try {
    flight->on_interest([watched = std::weak_ptr<LaneState>(state)] {
      if (const auto told = watched.lock()) told->make_places();
    });
    const auto queue = state->queue.lock();
    if (queue->stopped) {
      failure = stopping();
    } else {
      queue->jobs.push_back({flight, std::move(work)});
      if (queue->idle < queue->jobs.size() && queue->threads.size() < state->limit) {
        try {
          queue->threads.emplace_back([&lane = *state] { run(lane); });
        } catch (...) {
          // Fewer threads than allowed will do. Without any, nothing would ever take this job.
          if (queue->threads.empty()) {
            failure = std::current_exception();
            queue->jobs.pop_back();
          }
        }
      }
    }
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    flight->land(failure);
    return false;
  }
  state->wake.notify_one();
  return true;
}

/// Moves a job that may begin now from the queue to those that run: the first that a caller waits
/// for, or else the first. Returns nothing if there is no such job. Allocates nothing, for a worker
/// could not say that it failed.
std::optional<std::list<Workers::Job>::iterator> Workers::take_next(Queue& queue) noexcept {
  const auto now = Clock::now();
  const auto is_due = [now](const Job& job) { return job.not_before <= now; };
  auto next = std::find_if(queue.jobs.begin(), queue.jobs.end(), [&](const Job& job) {
    return is_due(job) && job.flight->waiters() > 0;
  });
  if (next == queue.jobs.end()) next = std::find_if(queue.jobs.begin(), queue.jobs.end(), is_due);
  if (next == queue.jobs.end()) return std::nullopt;
  queue.running.splice(queue.running.end(), queue.jobs, next);
  return next;
}

/// Returns when the first job of a queue that is not empty may begin.
Clock::time_point Workers::next_due(const Queue& queue) noexcept {
  return std::min_element(queue.jobs.begin(), queue.jobs.end(),
                          [](const Job& a, const Job& b) { return a.not_before < b.not_before; })
      ->not_before;
}

void Workers::run(LaneState& lane) noexcept {
  for (;;) {
    std::list<Job>::iterator job;
    {
      auto queue = lane.queue.lock();
      ++queue->idle;
      std::optional<std::list<Job>::iterator> next;
      while (!(next = take_next(*queue)) && !queue->stopped) {
        if (queue->jobs.empty()) {
          lane.wake.wait(queue.native());
        } else {
          lane.wake.wait_until(queue.native(), next_due(*queue));
        }
      }
      --queue->idle;
      if (!next) {
        ++queue->ended;
        lane.wake.notify_all();
        return;
      }
      job = *next;
      // This thread may have been the one that was to wake for what is left.
      if (!queue->jobs.empty() && queue->idle > 0) lane.wake.notify_one();
    }
    std::exception_ptr failure;
    try {
      job->work(job->stop.get_token());
    } catch (const NotYet& later) {
      const auto queue = lane.queue.lock();
      if (!queue->stopped) {
        job->not_before = Clock::now() + later.pause;
        queue->jobs.splice(queue->jobs.end(), queue->running, job);
        continue;
      }
      failure = stopping();
    } catch (...) {
      failure = std::current_exception();
    }
    job->work = nullptr;
    const std::shared_ptr<Flight> flight = job->flight;
    // Before the landing: whoever it wakes may want this place.
    {
      const auto queue = lane.queue.lock();
      queue->running.erase(job);
      if (queue->running.empty() && queue->jobs.empty()) lane.has_ended.notify_all();
    }
    flight->land(std::move(failure));
  }
}

/// Asks as many jobs that no caller waits for to stop as are needed for the queued jobs that a
/// caller waits for.
void Workers::LaneState::make_places() const noexcept {
  std::vector<std::stop_source> ended;
  try {
    const auto locked = queue.lock();
    const auto is_wanted = [](const Job& job) { return job.flight->waiters() > 0; };
    const auto is_ending = [](const Job& job) { return job.stop.stop_requested(); };
    const auto count = [](const std::list<Job>& jobs, const auto& is_counted) {
      return static_cast<std::size_t>(std::count_if(jobs.begin(), jobs.end(), is_counted));
    };
    const std::size_t needed = count(locked->jobs, is_wanted);
    // The threads that are idle, that have not begun to look for work, or that soon will be.
    std::size_t places =
        locked->threads.size() - locked->running.size() + count(locked->running, is_ending);
    for (const Job& job : locked->running) {
      if (places >= needed) break;
      if (!job.flight->is_abandoned() || is_ending(job)) continue;
      ended.push_back(job.stop);
      ++places;
    }
  } catch (...) {
    // There is no memory for the list: the queued work waits for its turn.
  }
  // Without the lock, for a stop calls back into whatever waits for it.
  for (std::stop_source& stop : ended) stop.request_stop();
}

std::vector<std::shared_ptr<const Flight>> Workers::flights() const {
  std::vector<std::shared_ptr<const Flight>> all;
  for (const auto& lane : lanes_) {
    const auto queue = lane->queue.lock();
    for (const Job& job : queue->running) all.push_back(job.flight);
    for (const Job& job : queue->jobs) all.push_back(job.flight);
  }
  return all;
}

void Workers::await_end_of(Lane lane) {
  auto& state = *lanes_[static_cast<std::size_t>(lane)];
  auto queue = state.queue.lock();
  state.has_ended.wait(queue.native(),
                       [&] { return queue->jobs.empty() && queue->running.empty(); });
}

void Workers::ask_to_end() noexcept {
  for (const auto& lane : lanes_) {
    std::list<Job> unstarted;
    std::vector<std::stop_source> running;
    {
      const auto queue = lane->queue.lock();
      queue->stopped = true;
      if (!lane->is_finished_at_end) {
        unstarted.swap(queue->jobs);
        for (const Job& job : queue->running) running.push_back(job.stop);
      }
    }
    lane->wake.notify_all();
    lane->has_ended.notify_all();
    for (std::stop_source& stop : running) stop.request_stop();
    for (const Job& job : unstarted) job.flight->land(stopping());
  }
}

void Workers::stop() noexcept {
  ask_to_end();
  for (const auto& lane : lanes_) {
    std::vector<std::jthread> threads;
    threads.swap(lane->queue.lock()->threads);
    threads.clear();  // joins
  }
}

bool Workers::stop_within(Clock::duration limit) noexcept {
  ask_to_end();
  const auto deadline = Clock::now() + limit;
  for (const auto& lane : lanes_) {
    auto queue = lane->queue.lock();
    const auto has_ended = [&] { return queue->ended >= queue->threads.size(); };
    if (!lane->wake.wait_until(queue.native(), deadline, has_ended)) return false;
  }
  stop();
  return true;
}

}  // namespace digestfs
