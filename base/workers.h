// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/flight.h"
#include "base/guarded.h"

namespace digestfs {

/// What kind of work a flight does. Each lane has threads of its own, so that downloads which stall
/// delay neither a question about a tag nor the check of a file that is cached already.
enum class Lane {
  question,  ///< Small answers from the source: tag lists, manifests, configs.
  download,  ///< Layers and other blobs.
  disk,      ///< Hashing and unpacking what is on the disk. Never waits for the network.
  light,     ///< The same for small objects, which must not queue behind layers (promise 10).
  small,     ///< Blobs that are known to be small, which must not queue behind layers either.
  follow,    ///< Unpacking what is just being downloaded: it waits for the network.
  name,      ///< Giving a name to what readers have already. It is finished even at the end.
};
inline constexpr std::size_t kLanes = 7;

/// Thrown by work that has to wait for another process: "not yet". The work is begun again after
/// `pause`, and holds no thread until then.
struct NotYet {
  Clock::duration pause;
};

/// The threads that work off flights. Each is started when it is first needed.
///
/// Work that a caller waits for goes first (promise 10). If all threads of a lane are busy while
/// such work is queued, work of that lane that no caller waits for any longer is asked to stop. It
/// lands as `Errc::interrupted`, and what it left behind, such as a partial download, stays.
///
/// Work under way may have help of the threads of a lane that no other work needs, whether that is
/// under way or queued (`enlist`). So a lane never does more at once than it has threads, however
/// much help there is.
///
/// Destruction stops all work: work under way is asked to end by its stop token, and work that has
/// not begun lands as `Errc::interrupted`. Only what is in `Lane::name` is finished first. Safe for
/// concurrent use.
class Workers {
 public:
  using Work = std::function<void(std::stop_token)>;

  /// `threads[lane]` is how many may run at once in that lane; 0 counts as 1.
  explicit Workers(const std::array<std::size_t, kLanes>& threads);
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  ~Workers();

  /// Queues `work`. `flight` lands when the work returns or throws, anything but `NotYet`. Returns
  /// false if the work will never begin: `flight` has landed then, because the workers were stopped
  /// or because the system gives no thread.
  bool launch(Lane lane, const std::shared_ptr<Flight>& flight, Work work);

  /// Queues `help` for the work of `flight`, which is under way. Help begins only while `lane` has
  /// more threads than other work. It is asked to stop as soon as a caller waits for other work of
  /// the lane that no thread is free for. It is begun again, after the pause and when there is a
  /// thread for it, whenever it has thrown `NotYet`, and ends when it returns or throws anything
  /// else.
  void enlist(Lane lane, const Flight& flight, Work help);
  /// Ends all help for the work of `flight`: help under way is asked to stop, and other help never
  /// begins. Returns when none is under way any longer. Must not be called from help.
  void dismiss(Lane lane, const Flight& flight) noexcept;

  /// Returns the flights that are queued or under way, in no order.
  [[nodiscard]] std::vector<std::shared_ptr<const Flight>> flights() const;

  /// Waits until nothing is queued or under way in `lane`.
  void await_end_of(Lane lane);

  /// Ends everything and joins the threads. Idempotent. Must not be called from a worker.
  void stop() noexcept;
  /// The same, but returns false if a thread has not ended after `limit`, because the system holds
  /// it in a call that cannot be ended, such as fdatasync(2).
  [[nodiscard]] bool stop_within(Clock::duration limit) noexcept;

 private:
  struct Job {
    std::shared_ptr<Flight> flight;  ///< null for help
    Work work;
    std::stop_source stop{};
    Clock::time_point not_before{};  ///< when work that has thrown `NotYet` is begun again
    const Flight* helped = nullptr;  ///< whose work this helps
    bool is_dismissed = false;

    [[nodiscard]] bool is_help() const noexcept { return !flight; }
    [[nodiscard]] bool is_wanted() const noexcept { return flight && flight->waiters() > 0; }
  };
  struct Queue {
    std::list<Job> jobs;
    std::list<Job> running;
    std::vector<std::jthread> threads;
    std::size_t idle = 0;
    std::size_t ended = 0;  ///< threads that have nothing left to do but to be joined
    bool stopped = false;
  };
  struct LaneState {
    Guarded<Queue> queue;
    std::condition_variable_any wake;
    std::condition_variable_any has_ended;  ///< Nothing is queued or under way any longer.
    std::size_t limit = 1;
    bool is_finished_at_end = false;

    void add_thread(Queue& locked);
    void make_places() const noexcept;
  };
  using JobIterator = std::list<Job>::iterator;

  [[nodiscard]] LaneState& state_of(Lane lane) const noexcept {
    return *lanes_[static_cast<std::size_t>(lane)];
  }
  void ask_to_end() noexcept;
  static void run(LaneState& lane) noexcept;
  [[nodiscard]] static bool begin_again(LaneState& lane, JobIterator job,
                                        Clock::duration pause) noexcept;
  [[nodiscard]] static std::optional<JobIterator> take_next(const LaneState& lane,
                                                            Queue& queue) noexcept;
  [[nodiscard]] static std::optional<Clock::time_point> next_due(const Queue& queue) noexcept;

  // Shared with the flights, which tell a lane when a caller begins or ceases to wait.
  std::array<std::shared_ptr<LaneState>, kLanes> lanes_;
};

}  // namespace digestfs
