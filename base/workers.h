// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/flight.h"
#include "base/guarded.h"

namespace digestfs {

/// What kind of work it is. Each lane has threads of its own, so that downloads which stall hold up
/// neither a question about a tag nor the check of a file that is cached already.
enum class Lane {
  question,  ///< small answers from the source: tag lists, manifests, configs
  download,  ///< layers and other blobs
  disk,      ///< hashing and decompressing what is on the disk; never waits for the network
};
inline constexpr std::size_t kLanes = 3;

/// The threads that work off flights, started when first needed. Destruction stops them: work under
/// way is asked to end by its stop token, work not yet begun lands as `Errc::interrupted`.
class Workers {
 public:
  using Work = std::function<void(std::stop_token)>;

  /// `threads[lane]`: how many may run at once in that lane.
  explicit Workers(const std::array<std::size_t, kLanes>& threads);
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  ~Workers();

  /// Queues `work`; `flight` lands when it returns or throws. After `stop` it lands at once.
  void launch(Lane lane, std::shared_ptr<Flight> flight, Work work);

  /// Ends everything and joins the threads. Idempotent; not to be called from a worker.
  void stop() noexcept;

 private:
  struct Job {
    std::shared_ptr<Flight> flight;
    Work work;
  };
  struct Queue {
    std::deque<Job> jobs;
    std::vector<std::jthread> threads;
    std::size_t idle = 0;
    bool stopped = false;
  };
  struct LaneState {
    Guarded<Queue> queue;
    std::condition_variable_any wake;
    std::size_t limit = 1;
  };

  void run(LaneState& lane) noexcept;

  std::stop_source stop_;
  std::array<LaneState, kLanes> lanes_;
};

}  // namespace digestfs
