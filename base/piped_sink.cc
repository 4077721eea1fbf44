// SPDX-License-Identifier: Apache-2.0
#include "base/piped_sink.h"

#include <algorithm>
#include <system_error>
#include <utility>

namespace digestfs {
namespace {

constexpr std::size_t kBuffer = std::size_t{256} << 10U;
constexpr std::size_t kBuffers = 8;

}  // namespace

PipedSink::PipedSink(ByteSink& output) : output_(output), empty_(kBuffers) {
  try {
    thread_ = std::thread([this] { pass_on(); });
  } catch (const std::system_error&) {
    // `write` calls the output itself then.
  }
}

PipedSink::~PipedSink() { end(/*drop=*/true); }

void PipedSink::write(std::span<const std::byte> bytes) {
  if (!thread_.joinable()) {
    output_.write(bytes);
    return;
  }
  while (!bytes.empty()) {
    std::vector<std::byte> buffer = wait_for_empty();
    const auto part = bytes.first(std::min(kBuffer, bytes.size()));
    buffer.assign(part.begin(), part.end());
    bytes = bytes.subspan(part.size());
    push({std::move(buffer), part.size()});
  }
}

void PipedSink::take(std::vector<std::byte>& buffer, std::size_t size) {
  if (!thread_.joinable()) {
    output_.take(buffer, size);
    return;
  }
  std::vector<std::byte> empty = wait_for_empty();
  empty.resize(buffer.size());
  push({std::exchange(buffer, std::move(empty)), size});
}

/// Waits until a buffer is empty, and returns it.
std::vector<std::byte> PipedSink::wait_for_empty() {
  std::unique_lock lock(mutex_);
  moved_.wait(lock, [this] { return !empty_.empty() || failure_; });
  if (failure_) std::rethrow_exception(failure_);
  std::vector<std::byte> buffer = std::move(empty_.back());
  empty_.pop_back();
  return buffer;
}

void PipedSink::push(Piece piece) {
  const std::lock_guard lock(mutex_);
  full_.push_back(std::move(piece));
  moved_.notify_all();
}

void PipedSink::finish() {
  end(/*drop=*/false);
  if (failure_) std::rethrow_exception(failure_);
}

void PipedSink::end(bool drop) {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
    if (drop) full_.clear();
    moved_.notify_all();
  }
  thread_.join();
}

void PipedSink::pass_on() {
  for (;;) {
    Piece piece;
    {
      std::unique_lock lock(mutex_);
      moved_.wait(lock, [this] { return !full_.empty() || has_ended_; });
      if (full_.empty()) return;
      piece = std::move(full_.front());
      full_.pop_front();
    }
    try {
      output_.write(std::span<const std::byte>(piece.buffer).first(piece.size));
    } catch (...) {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
      moved_.notify_all();
      return;
    }
    const std::lock_guard lock(mutex_);
    empty_.push_back(std::move(piece.buffer));
    moved_.notify_all();
  }
}

}  // namespace digestfs
