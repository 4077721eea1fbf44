// SPDX-License-Identifier: Apache-2.0
#include "base/workers.h"

#include <algorithm>
#include <functional>
#include <system_error>
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
      try {
        state->add_thread(*queue);
      } catch (...) {
        // Fewer threads than allowed will do. Without any, nothing would ever take this job.
        if (queue->threads.empty()) {
          failure = std::current_exception();
          queue->jobs.pop_back();
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
  // Whoever has waited for the flight since before its work was queued has made no place for it.
  if (flight->waiters() > 0) state->make_places();
  return true;
}

void Workers::enlist(Lane lane, const Flight& flight, Work help) {
  LaneState& state = state_of(lane);
  {
    const auto queue = state.queue.lock();
    if (queue->stopped) return;
    queue->jobs.push_back({.flight = nullptr, .work = std::move(help), .helped = &flight});
    try {
      state.add_thread(*queue);
    } catch (...) {
      // The system gives no thread, or there is no memory. The work that this helps has a thread,
      // and does all of it by itself.
    }
  }
  state.wake.notify_one();
}

void Workers::dismiss(Lane lane, const Flight& flight) noexcept {
  LaneState& state = state_of(lane);
  std::list<Job> unstarted;
  auto queue = state.queue.lock();
  const auto helps = [&](const Job& job) { return job.helped == &flight; };
  for (auto at = queue->jobs.begin(); at != queue->jobs.end();) {
    const auto job = at++;
    if (helps(*job)) unstarted.splice(unstarted.end(), queue->jobs, job);
  }
  for (Job& job : queue->running) {
    if (helps(job)) job.is_dismissed = true;
  }
  for (;;) {
    const auto job = std::ranges::find_if(queue->running, [&](const Job& each) {
      return helps(each) && !each.stop.stop_requested();
    });
    if (job == queue->running.end()) break;
    // Without the lock, for a stop calls back into whatever waits for it.
    std::stop_source stop = job->stop;
    queue.native().unlock();
    stop.request_stop();
    queue.native().lock();
  }
  state.has_ended.wait(queue.native(), [&] { return std::ranges::none_of(queue->running, helps); });
}

/// Starts a thread if there are more jobs than threads that are idle.
void Workers::LaneState::add_thread(Queue& locked) {
  if (locked.idle >= locked.jobs.size() || locked.threads.size() >= limit) return;
  locked.threads.emplace_back([this] { run(*this); });
}

/// Moves a job that may begin now from the queue to those that run: the first that a caller waits
/// for, or else the first, or else help if each job could have a thread all the same. Returns
/// nothing if there is no such job. Allocates nothing, for a worker could not say that it failed.
std::optional<Workers::JobIterator> Workers::take_next(const LaneState& lane,
                                                       Queue& queue) noexcept {
  const auto now = Clock::now();
  const auto is_due = [now](const Job& job) { return job.not_before <= now && !job.is_help(); };
  const auto is_due_help = [now](const Job& job) { return job.not_before <= now && job.is_help(); };
  auto next = std::ranges::find_if(queue.jobs,
                                   [&](const Job& job) { return is_due(job) && job.is_wanted(); });
  if (next == queue.jobs.end()) next = std::ranges::find_if(queue.jobs, is_due);
  if (next == queue.jobs.end()) {
    const auto queued = std::ranges::count_if(queue.jobs, std::not_fn(&Job::is_help));
    if (queue.running.size() + static_cast<std::size_t>(queued) >= lane.limit) return std::nullopt;
    next = std::ranges::find_if(queue.jobs, is_due_help);
  }
  if (next == queue.jobs.end()) return std::nullopt;
  queue.running.splice(queue.running.end(), queue.jobs, next);
  return next;
}

/// Returns when the first job may begin; nothing if only help is queued that waits for a thread.
std::optional<Clock::time_point> Workers::next_due(const Queue& queue) noexcept {
  const auto now = Clock::now();
  std::optional<Clock::time_point> first;
  for (const Job& job : queue.jobs) {
    const bool waits_for_thread = job.is_help() && job.not_before <= now;
    if (!waits_for_thread && (!first || job.not_before < *first)) first = job.not_before;
  }
  return first;
}

/// Puts a job that has thrown `NotYet` back into the queue. Returns false if it has to end.
bool Workers::begin_again(LaneState& lane, JobIterator job, Clock::duration pause) noexcept {
  std::optional<std::stop_source> renewed;
  try {
    // Help that made room for something else is not stopped for ever.
    if (job->is_help()) renewed.emplace();
  } catch (...) {
    return false;
  }
  const auto queue = lane.queue.lock();
  if (queue->stopped || job->is_dismissed) return false;
  if (renewed) job->stop = *std::move(renewed);
  job->not_before = Clock::now() + pause;
  queue->jobs.splice(queue->jobs.end(), queue->running, job);
  return true;
}

void Workers::run(LaneState& lane) noexcept {
  for (;;) {
    JobIterator job;
    {
      auto queue = lane.queue.lock();
      ++queue->idle;
      std::optional<JobIterator> next;
      while (!(next = take_next(lane, *queue)) && !queue->stopped) {
        if (const auto due = next_due(*queue)) {
          lane.wake.wait_until(queue.native(), *due);
        } else {
          lane.wake.wait(queue.native());
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
      if (begin_again(lane, job, later.pause)) continue;
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
      if (!flight || (queue->running.empty() && queue->jobs.empty())) lane.has_ended.notify_all();
    }
    if (flight) flight->land(std::move(failure));
  }
}

/// Asks as much help, and as many jobs that no caller waits for, to stop as is needed for the
/// queued jobs that a caller waits for.
void Workers::LaneState::make_places() const noexcept {
  std::vector<std::stop_source> ended;
  try {
    const auto locked = queue.lock();
    const auto is_abandoned = [](const Job& job) {
      return !job.is_help() && job.flight->is_abandoned();
    };
    const auto is_ending = [](const Job& job) { return job.stop.stop_requested(); };
    const auto count = [](const std::list<Job>& jobs, const auto& is_counted) {
      return static_cast<std::size_t>(std::count_if(jobs.begin(), jobs.end(), is_counted));
    };
    const std::size_t needed = count(locked->jobs, std::mem_fn(&Job::is_wanted));
    // The threads that are idle, that have not begun to look for work, or that soon will be.
    std::size_t places =
        locked->threads.size() - locked->running.size() + count(locked->running, is_ending);
    const auto end_some = [&](const auto& gives_way) {
      for (const Job& job : locked->running) {
        if (places >= needed) break;
        if (!gives_way(job) || is_ending(job)) continue;
        ended.push_back(job.stop);
        ++places;
      }
    };
    end_some(std::mem_fn(&Job::is_help));
    end_some(is_abandoned);
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
    for (const auto* jobs : {&queue->running, &queue->jobs}) {
      for (const Job& job : *jobs) {
        if (!job.is_help()) all.push_back(job.flight);
      }
    }
  }
  return all;
}

void Workers::await_end_of(Lane lane) {
  LaneState& state = state_of(lane);
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
    for (const Job& job : unstarted) {
      if (!job.is_help()) job.flight->land(stopping());
    }
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
