// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <optional>
#include <stop_token>
#include <utility>

#include "base/error.h"
#include "base/guarded.h"

namespace digestfs {

/// An answer that every thread needs and only one thread should ask for: a token, or how a registry
/// greets (AUTH-12). Safe for concurrent use.
template <class T>
class SharedAnswer {
 public:
  /// Returns the known answer if `is_usable` accepts it. Otherwise calls `ask`, and returns and
  /// keeps its answer. If another thread is asking already, waits for the outcome of that thread:
  /// throws its failure, or returns its answer if `is_usable` accepts it. Throws
  /// `Errc::interrupted` on `stop`.
  template <class IsUsable, class Ask>
  [[nodiscard]] T get(const std::stop_token& stop, const IsUsable& is_usable, const Ask& ask) {
    {
      auto state = state_.lock();
      if (state->answer && is_usable(*state->answer)) return *state->answer;
      while (state->asking) {
        const std::uint64_t round = state->round;
        const bool done = done_.wait(state.native(), stop, [&] { return state->round != round; });
        if (!done) throw Error(Errc::interrupted, "stopped while waiting for another request");
        if (state->failure) std::rethrow_exception(state->failure);
        if (state->answer && is_usable(*state->answer)) return *state->answer;
        // The answer is of no use here, or forgotten: one of the waiting threads asks again.
      }
      state->asking = true;
    }
    try {
      T answer = ask();
      finish(answer, nullptr);
      return answer;
    } catch (...) {
      finish(std::nullopt, std::current_exception());
      throw;
    }
  }

  /// Returns the known answer if `is_usable` accepts it. Asks nobody.
  template <class IsUsable>
  [[nodiscard]] std::optional<T> look(const IsUsable& is_usable) const {
    const auto state = state_.lock();
    return state->answer && is_usable(*state->answer) ? state->answer : std::nullopt;
  }

  /// Keeps `answer` if no answer is known. Returns the answer that is known then.
  [[nodiscard]] T offer(T answer) {
    const auto state = state_.lock();
    if (!state->answer) state->answer = std::move(answer);
    return *state->answer;
  }

  /// Forgets the answer. The next thread that needs it asks again.
  void forget() { state_.lock()->answer.reset(); }

 private:
  struct State {
    std::optional<T> answer;
    std::exception_ptr failure;  ///< of the thread that asked last
    bool asking = false;
    std::uint64_t round = 0;
  };

  void finish(std::optional<T> answer, std::exception_ptr failure) {
    {
      const auto state = state_.lock();
      if (answer) state->answer = std::move(answer);  // a failure leaves a good answer alone
      state->failure = std::move(failure);
      state->asking = false;
      ++state->round;
    }
    done_.notify_all();
  }

  Guarded<State> state_;
  std::condition_variable_any done_;
};

}  // namespace digestfs
