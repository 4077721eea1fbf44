// SPDX-License-Identifier: Apache-2.0
#include "cache/fetch/downloads.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "cache/take_partial.h"

namespace digestfs::cache {
namespace {

// A download that is cut and has come further each time goes on this often, and as often again for
// each piece of that size.
constexpr int kMaxResumptions = 5;
constexpr std::uint64_t kProgress = std::uint64_t{1} << 20U;
// How often a source that cannot go on may start over: each time costs what has come (RTY-8).
constexpr int kMaxRestarts = 2;

// What is downloaded beside the layers, in bytes by its descriptor.
constexpr std::uint64_t kSmall = std::uint64_t{1} << 20U;

/// Returns the most that is taken of an object of `claimed` bytes. A descriptor may be wrong and
/// its object right, but a body without end must not cost the disk, and what is kept there (VER-1,
/// RTY-8).
std::uint64_t most_of(std::uint64_t claimed) noexcept {
  constexpr std::uint64_t kSlack = std::uint64_t{64} << 20U;
  const std::uint64_t more = std::max(claimed, kSlack);
  return claimed > UINT64_MAX - more ? UINT64_MAX : claimed + more;
}

/// Returns true if what has arrived so far is worth keeping for another try: whoever is denied
/// access may have it after a login.
bool is_interruption(Errc code) noexcept {
  return is_silence(code) || code == Errc::interrupted || code == Errc::denied;
}

/// Returns true if a transfer that failed with `code` may go on. Whatever a server said to several
/// connections, it may not say to one.
bool is_worth_going_on(Errc code, bool has_objected) noexcept {
  if (code == Errc::unavailable || code == Errc::timed_out) return true;
  return has_objected && code != Errc::interrupted && code != Errc::too_large;
}

/// How often a download from one origin has gone on.
class Resumptions {
 public:
  /// Counts one more, after a transfer that found `had` bytes and left `size`. Returns false if
  /// that is too many, or leads nowhere.
  [[nodiscard]] bool may_go_on(std::uint64_t had, std::uint64_t size, bool has_restarted) {
    const bool is_of_use = has_restarted ? ++restarts_ <= kMaxRestarts : size > had;
    if (size == 0 || !is_of_use) return false;
    if (size >= had + kProgress) in_a_row_ = 0;
    return ++in_a_row_ <= kMaxResumptions;
  }
  /// Returns how many there were since the download last made good progress.
  [[nodiscard]] int in_a_row() const noexcept { return in_a_row_; }

 private:
  int restarts_ = 0;
  int in_a_row_ = 0;
};

/// Returns true if the next origin may do better than one that failed with `code`. Two endpoints of
/// one source fail alike, except that only one of them has the object (EP-6). Each URL is another
/// server.
bool may_try_next(Errc code, const Origin& failed, const Origin& next) noexcept {
  if (code == Errc::interrupted || code == Errc::too_large) return false;
  return code == Errc::not_found || failed.source != next.source || !failed.url.empty();
}

/// The name of an origin for messages. What is before an `@` in a URL and its query may be secrets
/// (AUTH-18).
std::string name_of(const Origin& origin) {
  if (origin.url.empty()) return origin.source->name();
  std::string shown = origin.url.substr(0, origin.url.find_first_of("?#"));
  const auto authority = shown.find("//");
  const auto at = authority == std::string::npos ? authority : shown.find('@', authority);
  const auto path = authority == std::string::npos ? authority : shown.find('/', authority + 2);
  if (at == std::string::npos || (path != std::string::npos && at > path)) return shown;
  return str_cat(shown.substr(0, authority + 2), shown.substr(at + 1));
}

/// Returns what has `origin` send parts of the object.
ObjectTransfer::Send sender_of(const Origin& origin, const Digest& digest) {
  return [&origin, &digest](const registry::Range& range, registry::ObjectSink& sink,
                            const Request& request) {
    if (origin.url.empty()) {
      origin.source->fetch(origin.endpoint, digest, range, sink, request);
    } else {
      origin.source->fetch_from(origin.url, digest, range, sink, request);
    }
  };
}

}  // namespace

std::shared_ptr<Flight> Downloads::start(const Digest& digest, const KnownObject& known, Lane lane,
                                         std::uint64_t limit, WithSums with_sums) {
  // Throws for a digest that no content can be checked against, before anything is downloaded.
  static_cast<void>(Hasher(digest.algorithm()));
  // What answers a question is downloaded as one: it comes soon or not at all.
  const Urgency urgency = lane == Lane::question ? Urgency::question : Urgency::content;
  // A size of 0 is what descriptors say of an object that nobody has measured.
  const bool is_small = known.most_claimed > 0 && known.most_claimed <= kSmall;
  if (lane == Lane::download && is_small) lane = Lane::small;
  // A failure is for those who ask the same. Where the object is searched and how large it may be
  // differ between a digest that is tried as a manifest and one that is known as a blob, and
  // between descriptors that give different sizes. Such flights still download once: each takes the
  // partial file, and then looks again whether the object is there.
  auto arrival = std::make_shared<Arrival>();
  auto ending = std::make_shared<const Ending>(*this, digest, arrival);
  const std::weak_ptr<const Ending> ended = ending;
  auto joined = flights_.join(
      str_cat("fetch ", digest, " ", known.origins.size(), " ", limit, " ", known.most_claimed),
      lane,
      [this, digest, limit, with_sums, urgency, arrival, ending = std::move(ending),
       claim = std::make_shared<PartialClaim>(store_.claim(digest))](const std::stop_token& stop,
                                                                     Flight& flight) {
        Partial partial = take_partial(*claim, stop);
        // Of several flights for one object, this is the one that downloads it.
        (*arrivals_.lock())[digest] = arrival;
        fetch(std::move(partial), limit, with_sums, {.stop = stop, .urgency = urgency}, flight,
              arrival);
      });
  // If the flight was under way, it has another one.
  if (!ended.expired()) {
    const auto arrivals = arrivals_.lock();
    std::weak_ptr<Arrival>& first = (*arrivals)[digest];
    if (first.expired()) first = arrival;
  }
  return joined;
}

Downloads::Ending::~Ending() {
  arrival_->settle(/*is_verified=*/false);
  const auto arrivals = downloads_.arrivals_.lock();
  const auto at = arrivals->find(digest_);
  if (at != arrivals->end() && at->second.lock() == arrival_) arrivals->erase(at);
}

std::shared_ptr<Arrival> Downloads::arrival(const Digest& digest) const {
  const auto arrivals = arrivals_.lock();
  const auto at = arrivals->find(digest);
  return at == arrivals->end() ? nullptr : at->second.lock();
}

std::optional<std::uint64_t> Downloads::fetched(const Digest& digest) const {
  // One of several flights for an object downloads it; the others wait for the partial file.
  std::optional<std::uint64_t> most;
  for (const auto& flight : flights_.find_all(str_cat("fetch ", digest, " "))) {
    if (!flight->has_landed()) most = std::max(most.value_or(0), flight->progress().done);
  }
  return most;
}

void Downloads::fetch(Partial partial, std::uint64_t limit, WithSums with_sums,
                      const Request& request, Flight& flight,
                      const std::shared_ptr<Arrival>& arrival) {
  const Digest digest = partial.digest();
  const KnownObject known = objects_.find(digest);
  // A claim of 0 is none: that is what descriptors say of an object that nobody has measured.
  const bool is_measured = known.most_claimed > 0;
  const Bounds bounds{limit,
                      is_measured ? std::optional(most_of(known.most_claimed)) : std::nullopt};
  Download download{digest,       known,  bounds,  with_sums,
                    request,      flight, arrival, std::move(partial),
                    std::nullopt, nullptr};
  // Another process may have been faster; its object is hashed like any other file of the cache.
  if (store_.open(Area::blobs, digest)) {
    discard(download);
    return;
  }
  if (known.is_failed(Clock::now())) {
    discard(download);
    throw Error(known.failure->error);
  }
  const bool was_begun = download.partial->size() > 0;
  const auto started = Clock::now();
  std::optional<std::string> wrong;
  Errc code = Errc::corrupt;
  try {
    wrong = fetch_from_any(download);
  } catch (const Error& error) {
    const auto& kept = download.partial;
    // What is larger than this caller takes may be what another one has begun to download.
    const bool is_others = was_begun && error.code() == Errc::too_large;
    const bool is_of_use = is_interruption(error.code()) || is_others;
    if (!is_of_use || (kept && kept->size() == 0)) discard(download);
    // No other failure says that the guess was wrong, and none may look like absence.
    if (error.code() == Errc::not_found) objects_.forget_guess(digest);
    throw;
  } catch (const GoesOn& thrown) {
    discard(download);
    wrong = str_cat("more than ", thrown.most, " bytes come of what ",
                    is_measured ? str_cat("descriptors give ", known.most_claimed)
                                : std::string("nobody gives a size for"));
    if (!is_measured) code = Errc::too_large;
    problems_.report({is_measured ? ProblemKind::size_mismatch : ProblemKind::limit, digest.str(),
                      Claim{digest, known.claimed}, std::nullopt, *wrong});
  } catch (...) {
    discard(download);
    throw;
  }
  if (wrong) give_up(download, code, *wrong);
  const std::uint64_t size = download.partial->size();
  if (known.claimed && *known.claimed != size) {
    problems_.report_size(digest, *known.claimed, size);
  }
  open_objects_.publish(*std::move(download.partial), Area::blobs, *std::move(download.hashed));
  arrival->settle(/*is_verified=*/true);
  if (download.is_from_origin) objects_.confirm(digest);
  DIGESTFS_LOG(
      info, "fetched digest=", digest, " size=", size, " ms=",
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started).count());
}

/// Fetches from the first origin that has the object. Returns nothing if that went well. Otherwise
/// returns what came instead, which is in quarantine.
std::optional<std::string> Downloads::fetch_from_any(Download& download) {
  const auto& origins = download.known.origins;
  std::optional<std::string> wrong;
  for (std::size_t i = 0; i < origins.size(); ++i) {
    if (!download.partial) download.partial = store_.claim(download.digest).take_any();
    download.partial->drop_behind_gap();
    begin_arrival(download);
    download.asked = &origins[i];
    try {
      HashedFile hashed = fetch_from(origins[i], download);
      if (hashed.digest == download.digest) {
        download.hashed = std::move(hashed);
        return std::nullopt;
      }
      const Digest& actual = hashed.digest;
      wrong = str_cat("the bytes that came are ", actual, ", ", download.partial->size(), " bytes");
      quarantine(download, origins[i], actual);
    } catch (const Error& error) {
      report_refusal(origins[i], download.digest, error);
      const bool is_last = i + 1 == origins.size();
      if (is_last ? !wrong || error.code() != Errc::not_found
                  : !may_try_next(error.code(), origins[i], origins[i + 1])) {
        throw;
      }
    }
  }
  discard(download);
  return wrong;
}

/// Shows what arrives to those who can begin with that. Without a descriptor to spare, nobody sees
/// it.
void Downloads::begin_arrival(const Download& download) {
  try {
    download.arrival->begin(download.partial->fd());
  } catch (const std::system_error& error) {
    DIGESTFS_LOG(debug, "what arrives is not shown digest=", download.digest,
                 " cause=", error.what());
    download.arrival->settle(/*is_verified=*/false);
  }
}

/// Fetches from one origin, and goes on where the transfer is cut. Returns what the partial file is
/// in the end.
HashedFile Downloads::fetch_from(const Origin& origin, Download& download) {
  Partial& partial = *download.partial;
  const std::stop_token& stop = download.request.stop;
  auto wanted = registry::Copy::any;
  ConnectionPolicy connections = policy_.connections;
  std::unique_ptr<ArrivalHash> hash;
  Resumptions resumptions;
  for (;;) {
    const std::uint64_t had = partial.size();
    // Of an object that nobody has measured it is not known that it is small.
    const std::uint64_t claimed = download.known.most_claimed;
    if (!hash && (claimed == 0 || claimed > kSmall)) {
      hash = std::make_unique<ArrivalHash>(download.arrival, partial.fd(),
                                           download.digest.algorithm(), download.with_sums);
    }
    Receiver receiver(store_, partial, download.bounds, wanted, download.flight);
    ObjectTransfer transfer(
        sender_of(origin, download.digest),
        {store_, partial, receiver, *download.arrival, download.flight, download.request, workers_},
        connections);
    try {
      if (wanted == registry::Copy::any && is_whole(had, download)) {
        download.flight.begin(had, had);
        download.arrival->reach(had);
      } else {
        transfer.run();
        download.is_from_origin = true;
      }
      download.arrival->complete();
      HashedFile actual = finish_hash(std::move(hash), download);
      if (actual.digest == download.digest) return actual;
      download.arrival->restart();
      receiver.check_end(had, download.known.claimed);
      if (wanted == registry::Copy::sources) return actual;
      // What an earlier download left may be to blame (RTY-8), or one bad moment of the source, or
      // a cache on the way (RTY-9): once more, all of it.
      wanted = registry::Copy::sources;
      partial.truncate();
      DIGESTFS_LOG(info,
                   "other bytes than promised, once more from the start digest=", download.digest,
                   " actual=", actual.digest);
    } catch (const Error& error) {
      // A server that does not like several connections gets one.
      if (transfer.has_objected()) connections.most = 1;
      const std::uint64_t size = partial.size();
      if (!is_worth_going_on(error.code(), transfer.has_objected()) ||
          !resumptions.may_go_on(had, size, receiver.has_restarted())) {
        throw;
      }
      DIGESTFS_LOG(info, "download interrupted, going on digest=", download.digest, " at=", size,
                   " cause=", error.what());
      wait_to_go_on(resumptions.in_a_row(), stop);
    }
  }
}

/// Returns what the partial file is. The `hash` of what arrived, if there is one, spares hashing it
/// again, unless somebody else wrote to it meanwhile.
HashedFile Downloads::finish_hash(std::unique_ptr<ArrivalHash> hash, const Download& download) {
  const int file = download.partial->fd();
  const std::stop_token& stop = download.request.stop;
  if (auto hashed = hash ? hash->finish(stop) : std::nullopt) return *std::move(hashed);
  return hash_whole_file(file, download.digest.algorithm(), stop, &download.flight,
                         download.with_sums);
}

/// Returns true if `had` bytes, which are in the partial file, are as many as every descriptor
/// promises: all came before a process was killed, or before the connection was cut.
bool Downloads::is_whole(std::uint64_t had, const Download& download) {
  const KnownObject& known = download.known;
  return had > 0 && had == known.claimed && had == known.most_claimed &&
         had <= download.bounds.limit;
}

/// Goes on at once the first time, because one cut is nothing unusual.
void Downloads::wait_to_go_on(int resumption, const std::stop_token& stop) const {
  if (resumption == 1) return;
  const auto wait = registry::back_off(policy_.resume, resumption - 1, registry::jitter());
  registry::sleep_until(Clock::now() + wait, stop);
}

/// Reports why a store on this machine cannot give an object. The absence of an object in a
/// registry is no problem of the object, but a store has what it names in another form, or it is
/// damaged.
void Downloads::report_refusal(const Origin& origin, const Digest& digest, const Error& error) {
  if (!origin.source->keeps_diffs()) return;
  const bool is_absent = error.code() == Errc::not_found;
  if (!is_absent && error.code() != Errc::corrupt) return;
  problems_.report({is_absent ? ProblemKind::remark : ProblemKind::undecodable, digest.str(),
                    std::nullopt, std::nullopt, error.what()});
}

/// Keeps what came instead of the object that was asked for, and reports it.
void Downloads::quarantine(Download& download, const Origin& origin, const Digest& actual) {
  const std::uint64_t size = download.partial->size();
  const bool is_kept = quarantine_.keep(*std::exchange(download.partial, std::nullopt), actual);
  problems_.report(
      {ProblemKind::digest_mismatch, download.digest.str(),
       Claim{download.digest, objects_.find(download.digest).claimed}, Claim{actual, size},
       str_cat(name_of(origin), " sent other bytes than the digest promises; they are ",
               is_kept ? "kept in .digestfs/quarantine" : "too many to be kept")});
}

void Downloads::discard(Download& download) {
  if (download.partial) store_.discard(*std::exchange(download.partial, std::nullopt));
}

/// Fails for the callers that wait, and for those that ask again soon.
void Downloads::give_up(const Download& download, Errc code, const std::string& what) {
  const Error error(code, str_cat("cannot fetch ", download.digest, " from ",
                                  name_of(*download.asked), ": ", what));
  objects_.remember_failure(download.digest, download.known, error);
  throw error;
}

}  // namespace digestfs::cache
