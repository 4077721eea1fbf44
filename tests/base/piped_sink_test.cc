// SPDX-License-Identifier: Apache-2.0
#include "base/piped_sink.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"
#include "tests/support/image_builder.h"

namespace digestfs {
namespace {

struct TextSink final : ByteSink {
  void write(std::span<const std::byte> bytes) override {
    thread = std::this_thread::get_id();
    text += as_text(bytes);
  }
  std::string text;
  std::thread::id thread;
};

/// Takes nothing before it is let.
struct SlowSink final : ByteSink {
  void write(std::span<const std::byte> bytes) override {
    let.wait();
    taken += bytes.size();
  }
  std::shared_future<void> let;
  std::atomic<std::size_t> taken = 0;
};

struct FailingSink final : ByteSink {
  void write(std::span<const std::byte> /*bytes*/) override { throw std::runtime_error("full"); }
};

TEST(PipedSink, GivesEverythingInOrderInAnotherThread) {
  const std::string bytes = test::noise(3'000'001);
  TextSink sink;
  PipedSink pipe(sink);
  for (std::size_t at = 0, step = 1; at < bytes.size(); at += step, step = step * 3 + 1) {
    pipe.write(as_bytes(std::string_view(bytes).substr(at, step)));
  }
  pipe.finish();
  EXPECT_TRUE(sink.text == bytes);
  EXPECT_NE(sink.thread, std::this_thread::get_id());
}

TEST(PipedSink, TakesBuffersAndLeavesOthers) {
  const std::string bytes = test::noise(1'000'000);
  TextSink sink;
  PipedSink pipe(sink);
  std::vector<std::byte> buffer(4096);
  std::string written;
  for (std::size_t at = 0, size = 1; at + size <= bytes.size();
       at += size, size = size % 4096 + 7) {
    const auto piece =
        as_bytes(std::string_view(bytes).substr(at, std::min<std::size_t>(size, 4096)));
    std::ranges::copy(piece, buffer.begin());
    pipe.take(buffer, piece.size());
    ASSERT_EQ(buffer.size(), 4096U);
    written += as_text(piece);
    if (at % 3 == 0) pipe.write(piece);
    if (at % 3 == 0) written += as_text(piece);
  }
  pipe.finish();
  EXPECT_TRUE(sink.text == written);
}

TEST(PipedSink, ThrowsWhatTheOutputThrew) {
  FailingSink sink;
  PipedSink pipe(sink);
  const std::string piece(1000, 'x');
  // Sooner or later, because the output runs behind; later than 2 MiB it cannot be.
  EXPECT_THROW(
      {
        for (int i = 0; i < 10'000; ++i) pipe.write(as_bytes(piece));
      },
      std::runtime_error);
  EXPECT_THROW(pipe.finish(), std::runtime_error);
}

TEST(PipedSink, ThrowsAtItsEndWhatTheOutputThrew) {
  FailingSink sink;
  PipedSink pipe(sink);
  pipe.write(as_bytes("x"));
  EXPECT_THROW(pipe.finish(), std::runtime_error);
}

TEST(PipedSink, KeepsNoMoreThanItsBuffers) {
  std::promise<void> promise;
  SlowSink sink;
  sink.let = promise.get_future();
  PipedSink pipe(sink);
  std::atomic<std::size_t> given = 0;
  const std::string piece(std::size_t{64} << 10U, 'x');
  std::thread producer([&] {
    for (int i = 0; i < 1000; ++i) {
      pipe.write(as_bytes(piece));
      given += piece.size();
    }
  });
  // Nothing is taken, so the producer stands still after at most 8 pieces.
  while (given < 8 * piece.size()) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(given, 8 * piece.size());
  EXPECT_EQ(sink.taken, 0U);
  promise.set_value();
  producer.join();
  pipe.finish();
  EXPECT_EQ(sink.taken, 1000 * piece.size());
}

TEST(PipedSink, EndsWithoutGivingTheRest) {
  std::promise<void> promise;
  SlowSink sink;
  sink.let = promise.get_future();
  std::thread letting;
  {
    PipedSink pipe(sink);
    pipe.write(as_bytes(std::string(1'000'000, 'x')));
    // The output takes the piece that it has, once the rest was dropped.
    letting = std::thread([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      promise.set_value();
    });
  }
  letting.join();
  EXPECT_LE(sink.taken, std::size_t{256} << 10U);
}

}  // namespace
}  // namespace digestfs
