// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>

#include "base/handle.h"

namespace digestfs::cache {

/// The bytes of an object while they arrive in its partial file, for those who work with them
/// already: a hash, or the decompression of a layer. A reader sees the first bytes of the file as
/// far as they have come without a gap, whatever the order is in which they came.
///
/// What is read here is not verified. Whoever makes something of it throws that away unless
/// `ArrivalReader::is_verified` says that all of it has hashed to the object's name. Safe for
/// concurrent use.
class Arrival {
 public:
  Arrival() = default;
  Arrival(const Arrival&) = delete;
  Arrival& operator=(const Arrival&) = delete;

  // For the download.

  /// Says that the bytes come into the file `fd`. Those of an earlier file count no longer.
  void begin(int fd);
  /// Says that the first `bytes` of the file are there. It never becomes fewer.
  void reach(std::uint64_t bytes);
  /// Says that no bytes come after those that are there.
  void complete();
  /// Says that the bytes which are there count no longer, and that the file is filled anew.
  void restart();
  /// Says whether the object has hashed to its name. The first call decides; then nothing follows.
  void settle(bool is_verified);

 private:
  friend class ArrivalReader;

  enum class Verdict { none, verified, failed };

  struct State {
    std::shared_ptr<const UniqueFd> file;
    std::uint64_t generation = 0;  ///< how often the bytes began anew
    std::uint64_t reached = 0;
    bool is_complete = false;
    Verdict verdict = Verdict::none;
  };

  /// Lets the bytes begin anew.
  void change(State& state);

  // `mutex_` guards what follows.
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  State state_;
};

/// One reader of what arrives, from the first byte to the last. If the bytes begin anew, the reader
/// is of no more use. Not safe for concurrent use.
class ArrivalReader {
 public:
  explicit ArrivalReader(std::shared_ptr<Arrival> arrival);

  /// Waits for the next bytes, and returns how many of them are in `buffer`: 0 if all have been
  /// read. Throws `Errc::interrupted` if what was read counts no longer, or if `stop` is requested.
  [[nodiscard]] std::size_t read(std::span<std::byte> buffer, const std::stop_token& stop);

  /// Waits until it is known whether the object hashed to its name, and returns that.
  [[nodiscard]] bool is_verified(const std::stop_token& stop);

 private:
  // Constant after construction.
  std::shared_ptr<Arrival> arrival_;
  std::uint64_t generation_;
  // The state of the reading.
  std::uint64_t at_ = 0;
};

}  // namespace digestfs::cache
