// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

#include "base/flight.h"
#include "base/request.h"
#include "base/workers.h"
#include "cache/fetch/arrival.h"
#include "cache/fetch/ranges.h"
#include "cache/fetch/receiver.h"
#include "cache/store.h"
#include "registry/source.h"

namespace digestfs::cache {

/// When several connections fetch one object. A server that gives each connection a part of its
/// speed, as object stores do, gives more to several; where one connection is fast, more requests
/// only cost time.
struct ConnectionPolicy {
  /// The most connections of one object.
  std::size_t most = 1;
  /// How long the first connection works alone.
  Clock::duration after = std::chrono::milliseconds(250);
  /// The least and the most bytes of a request by a further connection.
  std::uint64_t smallest = std::uint64_t{4} << 20U;
  std::uint64_t largest = std::uint64_t{16} << 20U;
  /// How long a connection without work waits before it takes over the part of a slow one.
  Clock::duration patience = std::chrono::seconds(5);
  /// How long a further connection that has failed waits before it tries again; twice as long after
  /// each further failure.
  Clock::duration pause = std::chrono::milliseconds(500);
  /// From so many bytes a second on, one connection is fast enough.
  std::uint64_t fast = std::uint64_t{256} << 20U;
};

/// One transfer of an object into its partial file, from one origin: it begins where the file ends.
/// One connection begins. If there is much left to come after a while, further ones fetch parts of
/// it, as far as the lane of downloads has threads that nothing else needs. One that is cut goes on
/// where it was cut. One that fails gives its part back and tries again after a pause, until it has
/// failed three times in a row, and the others go on: the first does not leave its stream as long
/// as nobody else fetches what comes next in it.
class ObjectTransfer final : private registry::ObjectSink {
 public:
  /// Has the origin send a range of the object.
  using Send = std::function<void(const registry::Range&, registry::ObjectSink&, const Request&)>;

  struct Parts {
    const Store& store;
    Partial& partial;
    Receiver& receiver;  ///< takes what the first connection brings
    Arrival& arrival;    ///< is told how much of the object is there
    Flight& flight;
    const Request& request;
    Workers& workers;  ///< whose lane of downloads has the further connections
  };

  ObjectTransfer(Send send, const Parts& parts, const ConnectionPolicy& policy);
  ~ObjectTransfer() override;

  /// Returns when the transfer has ended in order. Throws what the source or the receiver throws;
  /// then the partial file holds what had come without a gap.
  void run();

  /// Returns true if the server did not go along with several connections.
  [[nodiscard]] bool has_objected() const noexcept {
    return has_objected_ || (was_cut_ && !has_brought_parts_);
  }

 private:
  class PartSink;

  [[nodiscard]] registry::Copy wanted() const override { return parts_.receiver.wanted(); }
  void begin(const registry::Beginning& beginning) override;
  void write(std::span<const std::byte> bytes) override;

  [[nodiscard]] bool is_worth_sharing(std::uint64_t at);
  void share(std::uint64_t at);
  void help(const std::stop_token& stop, int& failures);
  [[nodiscard]] std::optional<Clock::duration> pause_after(const std::exception& error,
                                                           int& failures) const;
  void stream_first(const Request& request);
  void fetch_parts(const Request& request);
  [[nodiscard]] bool fetch_next_part(const Request& request);
  void fetch_part(Ranges::Part part, const Request& request);
  void receive_rest();
  void keep_rest() noexcept;
  void end_help() noexcept;

  // Constant after construction.
  Send send_;
  Parts parts_;
  ConnectionPolicy policy_;
  // The state of the first connection; constant once others may help.
  Clock::time_point began_;
  std::uint64_t begin_ = 0;
  std::optional<std::uint64_t> total_;
  std::string version_;
  std::optional<Ranges> ranges_;
  std::optional<Ranges::Part> first_;  ///< what the first connection fetches, once others may help
  // Synchronise themselves.
  std::atomic<bool> has_objected_ = false;
  std::atomic<bool> was_cut_ = false;  ///< A connection was cut that fetched a part.
  std::atomic<bool> has_brought_parts_ = false;
  std::stop_source first_stop_;  ///< ends what the first connection does
};

}  // namespace digestfs::cache
