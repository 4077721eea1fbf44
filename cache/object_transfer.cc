// SPDX-License-Identifier: Apache-2.0
#include "cache/object_transfer.h"

#include <algorithm>
#include <exception>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace digestfs::cache {
namespace {

// How often a connection that brings nothing begins its part again.
constexpr int kMaxVainAttempts = 2;
// How often a helper asks whether the disk still has room, in bytes.
constexpr std::uint64_t kRoomStep = std::uint64_t{16} << 20U;

/// Thrown to end a connection that has brought its part.
struct EnoughCame {};

}  // namespace

bool SpareConnections::take() noexcept {
  std::size_t free = free_;
  while (free > 0) {
    if (free_.compare_exchange_weak(free, free - 1)) return true;
  }
  return false;
}

/// Takes a part of the object into the partial file.
class ObjectTransfer::PartSink final : public registry::ObjectSink {
 public:
  PartSink(ObjectTransfer& transfer, Ranges::Part part)
      : transfer_(transfer), part_(part), missing_(transfer.ranges_->missing_of(part)) {}

  void begin(const registry::Beginning& beginning) override {
    const bool is_same_object = (!beginning.total || beginning.total == transfer_.total_) &&
                                (beginning.version.empty() || transfer_.version_.empty() ||
                                 beginning.version == transfer_.version_);
    if (beginning.offset == missing_.begin && is_same_object) return;
    throw Error(Errc::unavailable, "the server does not send a part of the object by itself");
  }

  void write(std::span<const std::byte> bytes) override {
    const auto part = bytes.first(
        static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), missing_.size())));
    if (part.size() > reserved_) {
      reserved_ = std::max<std::uint64_t>(std::min(kRoomStep, missing_.size()), part.size());
      transfer_.parts_.store.reserve(reserved_);
    }
    reserved_ -= part.size();
    transfer_.parts_.partial.write_at(part, missing_.begin);
    missing_.begin += part.size();
    transfer_.parts_.flight.advance(part.size());
    transfer_.ranges_->advance(part_, missing_.begin);
    transfer_.parts_.arrival.reach(transfer_.ranges_->reached());
    if (missing_.size() == 0) throw EnoughCame{};
  }

  [[nodiscard]] std::uint64_t missing() const noexcept { return missing_.size(); }

 private:
  ObjectTransfer& transfer_;
  Ranges::Part part_;
  Span missing_;
  std::uint64_t reserved_ = 0;
};

ObjectTransfer::ObjectTransfer(Send send, const Parts& parts, const ConnectionPolicy& policy)
    : send_(std::move(send)), parts_(parts), policy_(policy) {}

ObjectTransfer::~ObjectTransfer() { end_helpers(); }

void ObjectTransfer::run() {
  const auto& request = parts_.request;
  parts_.arrival.reach(parts_.receiver.size());
  try {
    try {
      send_({.offset = parts_.receiver.size()}, *this, request);
    } catch (const EnoughCame&) {
      // The others fetch, or have fetched, what comes next.
    }
    if (!ranges_) return;
    ranges_->give_back(*std::exchange(first_, std::nullopt));
    while (const auto part = ranges_->take(request.stop)) {
      try {
        fetch_part(*part, request);
      } catch (...) {
        ranges_->give_back(*part);
        throw;
      }
      ranges_->give_back(*part);
    }
    if (request.stop.stop_requested()) throw Error(Errc::interrupted, "the download was stopped");
    end_helpers();
  } catch (...) {
    end_helpers();
    // What others have fetched behind a gap is of no use to a later transfer.
    if (ranges_) parts_.partial.keep(ranges_->reached());
    throw;
  }
}

void ObjectTransfer::begin(const registry::Beginning& beginning) {
  if (beginning.offset != parts_.receiver.size()) parts_.arrival.restart();
  parts_.receiver.begin(beginning);
  began_ = Clock::now();
  begin_ = beginning.offset;
  total_ = beginning.total;
  version_ = beginning.version;
}

void ObjectTransfer::write(std::span<const std::byte> bytes) {
  if (!ranges_) {
    parts_.receiver.write(bytes);
    const std::uint64_t at = parts_.receiver.size();
    parts_.arrival.reach(at);
    if (is_worth_sharing(at)) share(at);
    return;
  }
  const std::uint64_t missing = ranges_->missing_of(*first_).size();
  if (bytes.size() < missing) {
    parts_.receiver.write(bytes);
  } else {
    parts_.receiver.write(bytes.first(static_cast<std::size_t>(missing)));
  }
  ranges_->advance(*first_, parts_.receiver.size());
  parts_.arrival.reach(ranges_->reached());
  if (bytes.size() >= missing) throw EnoughCame{};
}

/// Returns true if others should help the first connection, which has come to byte `at`.
bool ObjectTransfer::is_worth_sharing(std::uint64_t at) {
  if (policy_.most < 2 || wanted() == registry::Copy::sources || !total_) return false;
  const auto time = Clock::now() - began_;
  if (time < policy_.after || *total_ < at || *total_ - at < 2 * policy_.smallest) return false;
  const auto seconds = std::chrono::duration<double>(time).count();
  return static_cast<double>(at - begin_) < seconds * static_cast<double>(policy_.fast);
}

/// Gives what comes after the next part to helpers, as far as there are connections for them.
void ObjectTransfer::share(std::uint64_t at) {
  const std::uint64_t part =
      std::clamp((*total_ - at) / (2 * policy_.most), policy_.smallest, policy_.largest);
  ranges_.emplace(Span{at, *total_}, part);
  first_ = ranges_->take({});
  while (helpers_.size() + 1 < policy_.most && parts_.spare.take()) {
    try {
      helpers_.emplace_back([this](const std::stop_token& stop) { help(stop); });
    } catch (const std::system_error&) {
      parts_.spare.give_back();
      break;
    }
  }
  if (!helpers_.empty()) return;
  // Nobody can help now. Look again after a while.
  first_.reset();
  ranges_.reset();
  began_ = Clock::now();
  begin_ = at;
}

/// What a helper does: it fetches parts until nothing is left, or until it fails. Whatever the
/// failure is, the first connection meets it as well when it fetches what is left.
void ObjectTransfer::help(const std::stop_token& stop) noexcept {
  try {
    while (const auto part = ranges_->take(stop)) {
      try {
        // A helper is not worth a wait: where the server wants to be left alone, the first
        // connection has it for itself (RTY-3).
        fetch_part(*part,
                   {.stop = stop, .deadline = Clock::now(), .urgency = parts_.request.urgency});
      } catch (...) {
        ranges_->give_back(*part);
        throw;
      }
      ranges_->give_back(*part);
    }
  } catch (const std::exception& error) {
    DIGESTFS_LOG(debug, "a further connection gives up digest=", parts_.partial.digest(),
                 " cause=", error.what());
  } catch (...) {
    DIGESTFS_LOG(debug, "a further connection gives up digest=", parts_.partial.digest());
  }
  parts_.spare.give_back();
}

/// Fetches a part, and goes on where a connection is cut.
void ObjectTransfer::fetch_part(Ranges::Part part, const Request& request) {
  for (int vain = 0;;) {
    PartSink sink(*this, part);
    const std::uint64_t before = sink.missing();
    const Span missing = ranges_->missing_of(part);
    try {
      send_({.offset = missing.begin, .end = missing.end}, sink, request);
      throw Error(Errc::unavailable, "a part of the object ended too early");
    } catch (const EnoughCame&) {
      return;
    } catch (const Error& error) {
      const bool is_cut = error.code() == Errc::unavailable || error.code() == Errc::timed_out;
      vain = sink.missing() < before ? 0 : vain + 1;
      if (!is_cut || vain > kMaxVainAttempts) throw;
    }
  }
}

/// Stops the helpers and waits for them.
void ObjectTransfer::end_helpers() noexcept {
  for (auto& helper : helpers_) helper.request_stop();
  helpers_.clear();
}

}  // namespace digestfs::cache
