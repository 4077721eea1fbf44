// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "base/sink.h"

namespace digestfs {

/// Gives what is written to another sink, in a thread of its own and in order, so that whoever
/// makes the bytes and whoever takes them work at the same time. At most eight pieces of 256 KiB,
/// or eight buffers that were taken, wait in between. If no thread can be started, the sink is
/// called directly.
class PipedSink final : public ByteSink {
 public:
  /// `output` must outlive this object, and only its thread may use it until `finish` returns.
  explicit PipedSink(ByteSink& output);
  /// Drops what waits, and ends the thread.
  ~PipedSink() override;

  /// Throws what `output` threw, if it has.
  void write(std::span<const std::byte> bytes) override;
  void take(std::vector<std::byte>& buffer, std::size_t size) override;
  /// Returns when `output` has taken everything. Throws what it threw.
  void finish();

 private:
  /// The first `size` bytes of `buffer` are what was written.
  struct Piece {
    std::vector<std::byte> buffer;
    std::size_t size = 0;
  };

  [[nodiscard]] std::vector<std::byte> wait_for_empty();
  void push(Piece piece);
  void pass_on();
  void end(bool drop);

  // Constant after construction.
  ByteSink& output_;
  // Guarded by `mutex_`.
  std::mutex mutex_;
  std::condition_variable moved_;
  std::deque<Piece> full_;                     ///< what waits for `output`
  std::vector<std::vector<std::byte>> empty_;  ///< buffers to use again
  std::exception_ptr failure_;
  bool has_ended_ = false;
  // The last member: it uses all of the above.
  std::thread thread_;
};

}  // namespace digestfs
