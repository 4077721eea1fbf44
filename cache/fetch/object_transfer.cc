// SPDX-License-Identifier: Apache-2.0
#include "cache/fetch/object_transfer.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace digestfs::cache {
namespace {

// How often a connection that is cut goes on with its part, and as often again for each piece of
// that size, in bytes.
constexpr int kMaxCuts = 2;
constexpr std::uint64_t kPiece = std::uint64_t{1} << 20U;
// After how many failures in a row a further connection gives up.
constexpr int kMaxFailures = 3;
// How many parts for each connection may be behind the first missing byte.
constexpr std::uint64_t kPartsAhead = 4;

/// Thrown to end a connection that sends more than is wanted of it.
struct EnoughCame {};

/// Returns true if the connection has failed, and the server has not refused anything.
bool is_cut(Errc code) noexcept { return code == Errc::unavailable || code == Errc::timed_out; }

}  // namespace

/// Takes a part of the object into the partial file.
class ObjectTransfer::PartSink final : public registry::ObjectSink {
 public:
  /// `missing` is what is missing of `part`.
  PartSink(ObjectTransfer& transfer, Ranges::Part part, const Span& missing)
      : transfer_(transfer),
        part_(part),
        at_(missing.begin),
        disk_(transfer.parts_.store, transfer.parts_.partial, missing.begin) {
    disk_.expect(missing.size());
  }

  void begin(const registry::Beginning& beginning) override {
    const bool is_same_object = (!beginning.total || beginning.total == transfer_.total_) &&
                                (beginning.version.empty() || transfer_.version_.empty() ||
                                 beginning.version == transfer_.version_);
    if (beginning.offset == at_ && is_same_object) return;
    throw Error(Errc::unsupported, "the server does not send a part of the object by itself");
  }

  /// Ends the connection if it sends more than the part, or if another has taken the part over.
  void write(std::span<const std::byte> bytes) override {
    const std::uint64_t wanted = transfer_.ranges_->missing_of(part_).size();
    if (wanted == 0) throw EnoughCame{};
    const auto piece =
        bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), wanted)));
    transfer_.has_brought_parts_ = true;
    disk_.write(piece);
    at_ += piece.size();
    transfer_.parts_.flight.advance(piece.size());
    transfer_.ranges_->advance(part_, at_);
    transfer_.parts_.arrival.reach(transfer_.ranges_->reached());
  }

 private:
  ObjectTransfer& transfer_;
  Ranges::Part part_;
  std::uint64_t at_;
  DiskSink disk_;
};

ObjectTransfer::ObjectTransfer(Send send, const Parts& parts, const ConnectionPolicy& policy)
    : send_(std::move(send)), parts_(parts), policy_(policy) {}

ObjectTransfer::~ObjectTransfer() { end_help(); }

void ObjectTransfer::run() {
  parts_.arrival.reach(parts_.receiver.size());
  const std::stop_callback stopping(parts_.request.stop, [this] { first_stop_.request_stop(); });
  Request request = parts_.request;
  request.stop = first_stop_.get_token();
  try {
    try {
      stream_first(request);
      if (!ranges_) {
        receive_rest();
        return;
      }
      fetch_parts(request);
    } catch (const Error&) {
      // This connection is of no more interest once the others have fetched what it could not.
      if (!ranges_ || !ranges_->are_complete()) throw;
    }
    if (!ranges_->are_complete()) throw Error(Errc::interrupted, "the download was stopped");
    end_help();
  } catch (...) {
    end_help();
    keep_rest();
    // What others have fetched behind a gap is of no use to a later transfer.
    if (ranges_) parts_.partial.keep(ranges_->reached());
    throw;
  }
}

/// Has the origin send everything to the first connection, as far as nobody else fetches it.
void ObjectTransfer::stream_first(const Request& request) {
  try {
    send_({.offset = parts_.receiver.size()}, *this, request);
  } catch (const EnoughCame&) {
    // Others fetch, or have fetched, what comes next.
  } catch (const Error& error) {
    if (!ranges_ || !is_cut(error.code())) throw;
    DIGESTFS_LOG(debug, "the first connection was cut digest=", parts_.partial.digest(),
                 " cause=", error.what());
  }
  if (first_) ranges_->give_back(*std::exchange(first_, std::nullopt));
}

void ObjectTransfer::begin(const registry::Beginning& beginning) {
  if (ranges_) throw Error(Errc::unsupported, "the server begins anew");
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
    parts_.arrival.reach(parts_.receiver.written());
    if (is_worth_sharing(parts_.receiver.size())) {
      parts_.receiver.stop_keeping();
      parts_.arrival.reach(parts_.receiver.written());
      share(parts_.receiver.size());
    }
    return;
  }
  const std::uint64_t missing = ranges_->missing_of(*first_).size();
  if (missing == 0) throw EnoughCame{};
  const auto piece =
      bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), missing)));
  parts_.receiver.write(piece);
  ranges_->advance(*first_, parts_.receiver.size());
  parts_.arrival.reach(ranges_->reached());
  if (piece.size() < missing) return;
  if (!ranges_->extend(*first_)) throw EnoughCame{};
  if (piece.size() < bytes.size()) write(bytes.subspan(piece.size()));
}

/// Returns true if others should help the first connection, which has come to byte `at`.
bool ObjectTransfer::is_worth_sharing(std::uint64_t at) {
  if (policy_.most < 2 || wanted() == registry::Copy::sources || !total_) return false;
  const auto time = Clock::now() - began_;
  if (time < policy_.after || *total_ < at || *total_ - at < 2 * policy_.smallest) return false;
  const auto seconds = std::chrono::duration<double>(time).count();
  return static_cast<double>(at - begin_) < seconds * static_cast<double>(policy_.fast);
}

/// Gives what comes after the next part to whoever helps. Whether somebody does is decided again
/// and again, as threads are free.
void ObjectTransfer::share(std::uint64_t at) {
  const std::uint64_t part =
      std::clamp((*total_ - at) / (2 * policy_.most), policy_.smallest, policy_.largest);
  const RangePolicy ranges{
      .part = part, .window = kPartsAhead * policy_.most * part, .patience = policy_.patience};
  ranges_.emplace(Span{at, *total_}, ranges);
  first_ = ranges_->take({});
  for (std::size_t i = 1; i < policy_.most; ++i) {
    parts_.workers.enlist(
        Lane::download, parts_.flight,
        [this, failures = 0](const std::stop_token& stop) mutable { help(stop, failures); });
  }
}

/// What a further connection does: it fetches one part, and then gives its thread to whatever else
/// there is to do. After some failures in a row, which it counts in `failures`, or if the server
/// has objected, it gives up for good. Whatever the failure is, the first connection meets it as
/// well when it fetches what is left.
void ObjectTransfer::help(const std::stop_token& stop, int& failures) {
  Clock::duration pause{};
  try {
    // Help is not worth a wait: where the server wants to be left alone, the first connection has
    // it for itself (RTY-3).
    const Request request{
        .stop = stop, .deadline = Clock::now(), .urgency = parts_.request.urgency};
    static_cast<void>(fetch_next_part(request));
    failures = 0;
  } catch (const std::exception& error) {
    if (!stop.stop_requested()) {
      const auto wait = pause_after(error, failures);
      if (!wait) return;
      pause = *wait;
    }
  }
  if (!ranges_->are_complete()) throw NotYet{pause};
  // A slow connection may still bring what another one has fetched meanwhile.
  first_stop_.request_stop();
}

/// Returns how long a further connection that has failed with `error` waits before it tries again,
/// or nothing if it gives up.
std::optional<Clock::duration> ObjectTransfer::pause_after(const std::exception& error,
                                                           int& failures) const {
  const auto* known = dynamic_cast<const Error*>(&error);
  const bool tries_again = known != nullptr && is_cut(known->code()) && ++failures < kMaxFailures;
  DIGESTFS_LOG(debug, "a further connection ", tries_again ? "tries again later" : "gives up",
               " digest=", parts_.partial.digest(), " cause=", error.what());
  if (!tries_again) return std::nullopt;
  return policy_.pause * (1U << static_cast<unsigned>(failures - 1));
}

/// Fetches parts until nothing is missing any longer, or until a stop is requested.
void ObjectTransfer::fetch_parts(const Request& request) {
  while (fetch_next_part(request)) {
  }
}

/// Fetches the next part. Returns false if there was none to fetch.
bool ObjectTransfer::fetch_next_part(const Request& request) {
  const auto part = ranges_->take(request.stop);
  if (!part) return false;
  try {
    fetch_part(*part, request);
  } catch (...) {
    ranges_->give_back(*part);
    throw;
  }
  ranges_->give_back(*part);
  return true;
}

/// Fetches a part, and goes on where a connection is cut.
void ObjectTransfer::fetch_part(Ranges::Part part, const Request& request) {
  int cuts = 0;
  for (Span missing = ranges_->missing_of(part); missing.size() > 0;) {
    const std::uint64_t before = missing.begin;
    try {
      PartSink sink(*this, part, missing);
      send_({.offset = missing.begin, .end = missing.end}, sink, request);
      missing = ranges_->missing_of(part);
      if (missing.size() > 0) {
        throw Error(Errc::unavailable, "a part of the object ended too early");
      }
    } catch (const EnoughCame&) {
      return;
    } catch (const Error& error) {
      if (!is_cut(error.code())) {
        if (error.code() != Errc::interrupted) has_objected_ = true;
        throw;
      }
      missing = ranges_->missing_of(part);
      // If nothing of any part ever comes, the server wants to see one connection.
      was_cut_ = true;
      // One of which nothing has come gives its part to others at once.
      if (missing.begin == before || ++cuts > kMaxCuts) throw;
      if (missing.begin - before >= kPiece) cuts = 0;
    }
  }
}

/// Writes what the receiver has kept when all has come.
void ObjectTransfer::receive_rest() {
  parts_.receiver.flush();
  parts_.arrival.reach(parts_.receiver.written());
}

/// The same after a failure: a later transfer goes on behind it.
void ObjectTransfer::keep_rest() noexcept {
  try {
    parts_.receiver.flush();
  } catch (const std::exception& error) {
    DIGESTFS_LOG(debug, "the last bytes are not kept digest=", parts_.partial.digest(),
                 " cause=", error.what());
  }
}

/// Stops the other connections and waits for their end.
void ObjectTransfer::end_help() noexcept {
  if (ranges_) parts_.workers.dismiss(Lane::download, parts_.flight);
}

}  // namespace digestfs::cache
