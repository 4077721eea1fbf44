// SPDX-License-Identifier: Apache-2.0
#include "base/workers.h"

#include <utility>

#include "base/error.h"

namespace digestfs {
namespace {

std::exception_ptr stopping() {
  return std::make_exception_ptr(Error(Errc::interrupted, "the file system is being unmounted"));
}

}  // namespace

Workers::Workers(const std::array<std::size_t, kLanes>& threads) {
  for (std::size_t i = 0; i < kLanes; ++i) lanes_[i].limit = threads[i];
}

Workers::~Workers() { stop(); }

void Workers::launch(Lane lane, std::shared_ptr<Flight> flight, Work work) {
  LaneState& state = lanes_[static_cast<std::size_t>(lane)];
  bool stopped = false;
  {
    const auto queue = state.queue.lock();
    stopped = queue->stopped;
    if (!stopped) {
      queue->jobs.push_back({flight, std::move(work)});
      if (queue->idle < queue->jobs.size() && queue->threads.size() < state.limit) {
        queue->threads.emplace_back([this, &state] { run(state); });
      }
    }
  }
  if (stopped) {
    flight->land(stopping());
  } else {
    state.wake.notify_one();
  }
}

void Workers::run(LaneState& lane) noexcept {
  for (;;) {
    Job job;
    {
      auto queue = lane.queue.lock();
      ++queue->idle;
      lane.wake.wait(queue.native(), stop_.get_token(),
                     [&] { return !queue->jobs.empty() || queue->stopped; });
      --queue->idle;
      if (queue->stopped || queue->jobs.empty()) return;
      job = std::move(queue->jobs.front());
      queue->jobs.pop_front();
    }
    std::exception_ptr failure;
    try {
      job.work(stop_.get_token());
    } catch (...) {
      failure = std::current_exception();
    }
    job.work = nullptr;
    job.flight->land(std::move(failure));
  }
}

void Workers::stop() noexcept {
  stop_.request_stop();
  for (LaneState& lane : lanes_) {
    std::deque<Job> unstarted;
    std::vector<std::jthread> threads;
    {
      const auto queue = lane.queue.lock();
      queue->stopped = true;
      unstarted = std::exchange(queue->jobs, {});
      threads = std::exchange(queue->threads, {});
    }
    lane.wake.notify_all();
    for (const Job& job : unstarted) job.flight->land(stopping());
    threads.clear();  // joins
  }
}

}  // namespace digestfs
