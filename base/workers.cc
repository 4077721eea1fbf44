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

/// Moves a job from the queue to those that run: the first that a caller waits for, or else the
/// first. Allocates nothing, for a worker could not say that it failed.
std::list<Workers::Job>::iterator Workers::take_next(Queue& queue) noexcept {
  auto next = std::find_if(queue.jobs.begin(), queue.jobs.end(),
                           [](const Job& job) { return job.flight->waiters() > 0; });
  if (next == queue.jobs.end()) next = queue.jobs.begin();
  queue.running.splice(queue.running.end(), queue.jobs, next);
  return next;
}

void Workers::run(LaneState& lane) noexcept {
  for (;;) {
    std::list<Job>::iterator job;
    {
      auto queue = lane.queue.lock();
      ++queue->idle;
      lane.wake.wait(queue.native(), [&] { return !queue->jobs.empty() || queue->stopped; });
      --queue->idle;
      if (queue->stopped) return;
      job = take_next(*queue);
    }
    std::exception_ptr failure;
    try {
      job->work(job->stop.get_token());
    } catch (...) {
      failure = std::current_exception();
    }
    job->work = nullptr;
    const std::shared_ptr<Flight> flight = job->flight;
    // Before the landing: whoever it wakes may want this place.
    lane.queue.lock()->running.erase(job);
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
      if (is_wanted(job) || is_ending(job)) continue;
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

void Workers::stop() noexcept {
  std::array<std::vector<std::jthread>, kLanes> threads;
  for (std::size_t i = 0; i < kLanes; ++i) {
    LaneState& lane = *lanes_[i];
    std::list<Job> unstarted;
    std::vector<std::stop_source> running;
    {
      const auto queue = lane.queue.lock();
      queue->stopped = true;
      unstarted.swap(queue->jobs);
      threads[i].swap(queue->threads);
      for (const Job& job : queue->running) running.push_back(job.stop);
    }
    lane.wake.notify_all();
    for (std::stop_source& stop : running) stop.request_stop();
    for (const Job& job : unstarted) job.flight->land(stopping());
  }
  for (auto& lane : threads) lane.clear();  // joins
}

}  // namespace digestfs
