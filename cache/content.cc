// SPDX-License-Identifier: Apache-2.0
#include "cache/content.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/image/config.h"

namespace digestfs::cache {
namespace {

using registry::Endpoint;

constexpr std::size_t kChunk = std::size_t{256} << 10U;
// How often a download asks whether the disk still has room.
constexpr std::uint64_t kReserveStep = std::uint64_t{16} << 20U;
// A download that is cut and has come further each time goes on this often, and as often again for
// each piece of that size.
constexpr int kMaxResumptions = 5;
constexpr std::uint64_t kProgress = std::uint64_t{1} << 20U;
// How often a source that cannot go on may start over: each time costs what has come (RTY-8).
constexpr int kMaxRestarts = 2;
// How long a source that sends other bytes than a digest promises is not asked for it again
// (RTY-9).
constexpr std::chrono::minutes kBrokenMemory{1};

/// The most that is taken of an object of `claimed` bytes. A descriptor may be wrong and its object
/// right, but a body without end must not cost the disk, and what is kept there (VER-1, RTY-8).
std::uint64_t most_of(std::uint64_t claimed) noexcept {
  constexpr std::uint64_t kSlack = std::uint64_t{64} << 20U;
  const std::uint64_t more = std::max(claimed, kSlack);
  return claimed > UINT64_MAX - more ? UINT64_MAX : claimed + more;
}

/// Writes to a file and keeps the disk from filling up.
class DiskSink final : public ByteSink {
 public:
  DiskSink(const Store& store, int fd) : store_(store), fd_(fd) {}

  /// So much is to come: what cannot be kept in the end is not begun, at the cost of what is kept.
  void expect(std::uint64_t bytes) {
    store_.reserve(bytes);
    to_come_ = bytes;
    reserved_ = 0;
  }

  void write(std::span<const std::byte> bytes) override {
    if (bytes.size() > reserved_) {
      // Step by step, for others write to that disk as well; no more than is needed.
      const std::uint64_t step = std::min(kReserveStep, to_come_.value_or(kReserveStep));
      reserved_ = std::max<std::uint64_t>(step, bytes.size());
      store_.reserve(reserved_);
    }
    reserved_ -= bytes.size();
    if (to_come_) *to_come_ -= std::min<std::uint64_t>(*to_come_, bytes.size());
    write_all(fd_, bytes);
  }

 private:
  const Store& store_;
  int fd_;
  std::uint64_t reserved_ = 0;
  std::optional<std::uint64_t> to_come_;
};

/// Writes to a file what an observer may see as well.
class ObservedSink final : public ByteSink {
 public:
  ObservedSink(ByteSink& file, TarObserver* observer) : file_(file), observer_(observer) {}

  void write(std::span<const std::byte> bytes) override {
    file_.write(bytes);
    if (observer_ != nullptr) observer_->see(bytes);
  }

 private:
  ByteSink& file_;
  TarObserver* observer_;
};

/// Hashes `fd` from its start, `bytes` of it.
void hash_range(int fd, std::uint64_t bytes, Hasher& hasher, const std::stop_token& stop) {
  std::vector<std::byte> buffer(kChunk);
  for (std::uint64_t at = 0; at < bytes;) {
    if (stop.stop_requested()) throw Error(Errc::interrupted, "stopped while hashing");
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(kChunk, bytes - at));
    const std::size_t got = read_at(fd, std::span(buffer).first(want), at);
    if (got == 0) return;
    hasher.update(std::span(buffer).first(got));
    at += got;
  }
}

/// Thrown where more comes than any descriptor of the object makes likely.
struct GoesOn {
  std::uint64_t most;  ///< that was taken
};

/// Takes a download into a partial file, hashing as it comes.
class Receiver final : public registry::ObjectSink {
 public:
  Receiver(const Store& store, Partial& partial, const Bounds& bounds, registry::Copy wanted,
           const std::stop_token& stop)
      : store_(store),
        partial_(partial),
        bounds_(bounds),
        wanted_(wanted),
        disk_(store, partial.fd()) {
    hasher_.emplace(partial.digest().algorithm());
    size_ = partial.size();
    // An earlier download's bytes are trusted no more than new ones: they go through the hash too.
    hash_range(partial.fd(), size_, *hasher_, stop);
    if (::lseek(partial.fd(), static_cast<off_t>(size_), SEEK_SET) < 0) throw_system_error("seek");
  }

  [[nodiscard]] registry::Copy wanted() const override { return wanted_; }

  void begin(const registry::Beginning& beginning) override {
    total_ = beginning.total;
    if (beginning.offset != size_) {
      has_restarted_ = true;
      partial_.truncate();
      hasher_.emplace(partial_.digest().algorithm());
      size_ = 0;
    }
    if (!bounds_.most) bounds_.most = total_.value_or(store_.limits().unsized);
    check(total_.value_or(0));
    if (total_.value_or(0) > size_) disk_.expect(*total_ - size_);
  }

  void write(std::span<const std::byte> bytes) override {
    check(size_ + bytes.size());
    hasher_->update(bytes);
    disk_.write(bytes);
    size_ += bytes.size();
  }

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// Throws `unavailable` where what ended in order can go on: without a length that was announced
  /// a cut looks like the end (B1). `had` bytes were there before.
  void check_end(std::uint64_t had, std::optional<std::uint64_t> claimed) const {
    const std::uint64_t whole = total_.value_or(claimed.value_or(0));
    if (size_ >= whole || size_ <= had) return;
    throw Error(Errc::unavailable, str_cat("it ended after ", size_, " of ", whole, " bytes"));
  }
  /// Whether what had come before had to be dropped.
  [[nodiscard]] bool has_restarted() const noexcept { return has_restarted_; }
  [[nodiscard]] Digest finish() { return hasher_->finish(); }

 private:
  void check(std::uint64_t size) const {
    if (size > bounds_.limit) {
      throw Error(Errc::too_large, str_cat("cannot fetch ", partial_.digest(),
                                           ": it is larger than ", bounds_.limit, " bytes"));
    }
    if (bounds_.most && size > *bounds_.most) throw GoesOn{*bounds_.most};
  }

  const Store& store_;
  Partial& partial_;
  Bounds bounds_;
  registry::Copy wanted_;
  DiskSink disk_;
  std::optional<Hasher> hasher_;
  std::uint64_t size_ = 0;
  std::optional<std::uint64_t> total_;
  bool has_restarted_ = false;
};

/// Whether what has arrived so far is worth keeping for another try: who is not let in any more may
/// be after a login.
bool is_interruption(Errc code) noexcept {
  return is_silence(code) || code == Errc::interrupted || code == Errc::denied;
}

/// Whether it is the digest of no bytes at all.
bool is_of_nothing(const Digest& digest) {
  return digest.is_verifiable() && digest_of("", digest.algorithm()) == digest;
}

Error wrong_diff(const Digest& diff, const Digest& layer, const ActualDiff& actual) {
  return {Errc::corrupt, str_cat("cannot open diff ", diff, ": the layer ", layer,
                                 " decompresses to ", actual.digest, ", ", actual.size, " bytes")};
}

std::string note_name(const Digest& digest) {
  return str_cat(digest.algorithm(), "-", digest.encoded(), ".json");
}

/// The size of `diff` as an earlier mount noted it beside its layer.
std::optional<std::uint64_t> noted_size(const Store& store, const Digest& diff,
                                        const Digest& layer) {
  const auto text = store.read_note("layers", note_name(layer));
  if (!text) return std::nullopt;
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object() || json.value("diff", nlohmann::json()) != diff.str()) return std::nullopt;
  const auto size = json.find("size");
  if (size == json.end() || !size->is_number_unsigned()) return std::nullopt;
  return size->get<std::uint64_t>();
}

}  // namespace

Content::Content(const Store& store, registry::Source& source, Workers& workers, Problems& problems,
                 Network network, const registry::RetryPolicy& resume)
    : store_(store),
      source_(source),
      problems_(problems),
      network_(network),
      resume_(resume),
      flights_(workers) {}

void Content::meet(const Digest& digest, Endpoint endpoint, std::optional<std::uint64_t> size) {
  const auto objects = objects_.lock();
  Object& object = (*objects)[digest];
  const bool is_new = std::ranges::find(object.endpoints, endpoint) == object.endpoints.end();
  if (is_new) object.endpoints.push_back(endpoint);
  const bool is_more = size.value_or(0) > object.most_claimed;
  if (!object.claimed) object.claimed = size;
  object.most_claimed = std::max(object.most_claimed, size.value_or(0));
  // What was tried was less: who describes it rightly does not pay for who did not.
  if (is_new || is_more) object.broken.reset();
}

void Content::meet_diff(const Digest& diff, const Digest& blob) {
  if (!add_layer(diff, blob)) return;
  const auto noted = noted_size(store_, diff, blob);
  const auto objects = objects_.lock();
  if (noted) (*objects)[diff].noted = noted;
  Object& layer = (*objects)[blob];
  if (!layer.diff) layer.diff = diff;
}

/// Whether that was not known.
bool Content::add_layer(const Digest& diff, const Digest& blob) {
  const auto layers = layers_.lock();
  if (!layers->to[blob].insert(diff).second) return false;
  layers->of[diff].push_back(blob);
  return true;
}

std::vector<Digest> Content::layers_of(const Digest& diff) const {
  const auto layers = layers_.lock();
  const auto at = layers->of.find(diff);
  return at == layers->of.end() ? std::vector<Digest>() : at->second;
}

std::optional<Digest> Content::first_layer_of(const Digest& diff) const {
  const auto layers = layers_.lock();
  const auto at = layers->of.find(diff);
  return at == layers->of.end() ? std::nullopt : std::optional(at->second.front());
}

Content::Object Content::object(const Digest& digest) const {
  const auto objects = objects_.lock();
  const auto at = objects->find(digest);
  return at == objects->end() ? Object{} : at->second;
}

std::optional<std::pair<Area, UniqueFd>> Content::find_cached(const Digest& digest) const {
  for (const Area area : {Area::blobs, Area::diffs, Area::quarantine}) {
    if (auto file = store_.open(area, digest)) return std::pair{area, std::move(*file)};
  }
  return std::nullopt;
}

bool Content::has_blob(const Digest& digest, const Patience& patience) {
  const Object known = object(digest);
  if (std::ranges::find(known.endpoints, Endpoint::blobs) != known.endpoints.end()) return true;
  if (network_ == Network::offline) {
    const auto file = store_.open(Area::blobs, digest);
    if (!file) {
      throw Error(Errc::timed_out, str_cat("cannot look for ", digest, " in ", source_.name(),
                                           ": it is not cached, and --offline was given"));
    }
    meet(digest, Endpoint::blobs, static_cast<std::uint64_t>(Fingerprint::of(file->get()).size));
    return true;
  }
  const auto look = [this, digest](const std::stop_token& stop) {
    const auto found = source_.find(Endpoint::blobs, digest, {.stop = stop});
    if (!found) throw Error(Errc::not_found, str_cat(source_.name(), " has no blob ", digest));
    meet(digest, Endpoint::blobs, found->size);
  };
  try {
    await(flights_.join("find " + digest.str(), Lane::question, look), patience);
  } catch (const Error& error) {
    if (error.code() == Errc::not_found) return false;
    throw;
  }
  return true;
}

bool Content::has_diff(const Digest& digest) const {
  return first_layer_of(digest) || store_.open(Area::diffs, digest).has_value();
}

std::shared_ptr<const VerifiedFile> Content::open(const Digest& digest, const Patience& patience,
                                                  Lane lane, std::uint64_t limit,
                                                  const Observe& observe) {
  // Each turn gets one step further: damaged copy found, layer fetched, layer decompressed. The
  // bound is for a cache that somebody empties as fast as it is filled.
  for (int step = 0; step < 8; ++step) {
    const Object known = object(digest);
    if (auto cached = find_cached(digest)) {
      const Fingerprint now = Fingerprint::of(cached->second.get());
      if (known.verified == now) {
        store_.touch(digest);
        return std::make_shared<VerifiedFile>(digest, std::move(cached->second), now);
      }
      const auto check = [this, digest](std::stop_token stop) {
        check_cached(digest, std::move(stop));
      };
      await(flights_.join("check " + digest.str(), Lane::disk, check), patience);
      continue;
    }
    if (known.endpoints.empty()) {
      if (auto layers = layers_of(digest); !layers.empty()) {
        open_diff(digest, std::move(layers), patience, lane, limit, observe);
        continue;
      }
      throw Error(Errc::not_found, str_cat("cannot open ", digest, ": ", source_.name(),
                                           " has not shown where it would come from"));
    }
    if (network_ == Network::offline) {
      throw Error(Errc::timed_out, str_cat("cannot fetch ", digest, " from ", source_.name(),
                                           ": it is not cached, and --offline was given"));
    }
    if (known.broken && Clock::now() < known.broken->until) throw Error(known.broken->error);
    // What answers a question is downloaded as one: it comes soon or not at all.
    const Urgency urgency = lane == Lane::question ? Urgency::question : Urgency::content;
    const auto get = [this, digest, limit, urgency](std::stop_token stop) {
      fetch(digest, limit, {.stop = std::move(stop), .urgency = urgency});
    };
    // A failure is for those who ask the same: where it is searched and how large it may be differ
    // between a digest that is tried as a manifest and one that is known as a blob, or that one
    // descriptor gives another size than the next. Such flights still download once: each takes
    // the partial file, and looks again when it has it.
    const std::string key =
        str_cat("fetch ", digest, " ", known.endpoints.size(), " ", limit, " ", known.most_claimed);
    await(flights_.join(key, lane, get), patience);
  }
  throw Error(Errc::unavailable,
              str_cat("cannot open ", digest, ": it keeps disappearing from the cache"));
}

/// Makes `diff` of the first of `layers` that gives it; there is one at least.
void Content::open_diff(const Digest& diff, std::vector<Digest> layers, const Patience& patience,
                        Lane lane, std::uint64_t limit, const Observe& observe) {
  // Not std::ranges: what it returns of GCC 12's library is too much for clang 14.
  std::stable_partition(layers.begin(), layers.end(),
                        [this](const Digest& layer) { return find_cached(layer).has_value(); });
  std::exception_ptr failure;
  for (const Digest& blob : layers) {
    try {
      if (const auto actual = actual_diff(diff, blob)) throw wrong_diff(diff, blob, *actual);
      if (const auto undecodable = object(blob).undecodable) throw Error(*undecodable);
      const auto layer = open(blob, patience, lane, limit);
      const auto inflate = [this, diff, layer, observe](std::stop_token stop) {
        const auto observer = observe ? observe() : nullptr;
        decompress(diff, layer, observer.get(), std::move(stop));
      };
      await(flights_.join(str_cat("decompress ", diff, " ", blob), Lane::disk, inflate), patience);
      return;
    } catch (const Error& error) {
      // What is wrong with one layer is no fault of the next; a source that does not answer is.
      const bool its_own = error.code() == Errc::corrupt || error.code() == Errc::not_found ||
                           error.code() == Errc::too_large || error.code() == Errc::unsupported;
      if (!its_own) throw;
      if (!failure) failure = std::current_exception();
    }
  }
  std::rethrow_exception(failure);
}

std::string Content::read_small(const Digest& digest, const Patience& patience, std::size_t limit) {
  const auto file = open(digest, patience, Lane::question, limit);
  if (file->size() > limit) {
    throw Error(Errc::too_large,
                str_cat("cannot read ", digest, ": it is larger than ", limit, " bytes"));
  }
  std::string text(static_cast<std::size_t>(file->size()), '\0');
  const auto got = read(file, std::as_writable_bytes(std::span(text)), 0, patience);
  text.resize(got);
  return text;
}

std::size_t Content::read(const std::shared_ptr<const VerifiedFile>& file,
                          std::span<std::byte> buffer, std::uint64_t offset,
                          const Patience& patience) {
  for (int attempt = 0; attempt < 8; ++attempt) {
    if (const auto got = file->read(buffer, offset)) return *got;
    const auto check = [this, file](std::stop_token stop) { check_again(file, std::move(stop)); };
    // Of this very file: another open one of the same digest may be sound.
    const Fingerprint now = Fingerprint::of(file->fd());
    await(flights_.join(str_cat("again ", file->digest(), " ", now.device, " ", now.inode),
                        Lane::disk, check),
          patience);
  }
  throw Error(Errc::corrupt,
              str_cat("cannot read ", file->digest(), ": its cached file keeps changing"));
}

bool Content::take_healed(const Digest& digest) {
  const auto objects = objects_.lock();
  const auto at = objects->find(digest);
  return at != objects->end() && std::exchange(at->second.healed, false);
}

std::optional<Size> Content::size(const Digest& digest) const {
  const Object known = object(digest);
  if (known.proven) return Size{*known.proven, true, true};
  if (known.noted) return Size{*known.noted, true, false};
  if (known.claimed && (*known.claimed > 0 || is_of_nothing(digest))) {
    return Size{*known.claimed, true, false};
  }
  // A placeholder is never 0: tools take an empty file for one not worth reading.
  if (const auto first = first_layer_of(digest)) {
    // One step, not `size` of the layer: an uncompressed layer is its own diff, and a config may
    // make any two layers each other's.
    const Object layer = object(*first);
    const auto bytes = layer.proven ? layer.proven : layer.claimed;
    return Size{std::max<std::uint64_t>(bytes.value_or(0), 1), false, false};
  }
  if (const auto cached = find_cached(digest)) {
    const auto bytes = static_cast<std::uint64_t>(Fingerprint::of(cached->second.get()).size);
    return Size{std::max<std::uint64_t>(bytes, 1), false, false};
  }
  if (!known.endpoints.empty()) return Size{1, false, false};
  return std::nullopt;
}

State Content::state(const Digest& digest) const {
  const auto cached = find_cached(digest);
  if (!cached) return State::remote;
  return object(digest).verified == Fingerprint::of(cached->second.get()) ? State::verified
                                                                          : State::cached;
}

std::optional<Digest> Content::diff_of(const Digest& blob) const {
  const Object known = object(blob);
  return known.unpacked ? known.unpacked->digest : known.diff;
}

std::optional<ActualDiff> Content::actual_diff(const Digest& diff, const Digest& blob) const {
  auto unpacked = object(blob).unpacked;
  const bool is_other =
      unpacked && unpacked->digest != diff && unpacked->digest.algorithm() == diff.algorithm();
  return is_other ? std::move(unpacked) : std::nullopt;
}

void Content::check_cached(const Digest& digest, std::stop_token stop) {
  auto cached = find_cached(digest);
  if (!cached) return;
  const int fd = cached->second.get();
  const Fingerprint before = Fingerprint::of(fd);
  Hasher hasher(digest.algorithm());
  hash_range(fd, static_cast<std::uint64_t>(before.size), hasher, stop);
  const Digest actual = hasher.finish();
  if (Fingerprint::of(fd) != before) return;  // touched meanwhile: whoever asked looks again
  if (actual == digest) {
    const auto objects = objects_.lock();
    Object& object = (*objects)[digest];
    object.verified = before;
    object.proven = static_cast<std::uint64_t>(before.size);
    return;
  }
  store_.remove(cached->first, digest, fd);
  {
    const auto objects = objects_.lock();
    Object& object = (*objects)[digest];
    object.verified.reset();
    object.healed = true;
  }
  problems_.report({ProblemKind::cache_damaged, digest.str(), Claim{digest, std::nullopt},
                    Claim{actual, static_cast<std::uint64_t>(before.size)},
                    "the cached file did not hash to its name and was thrown away"});
}

/// Hashes an open file that was touched. One that is damaged is thrown away and reported.
bool Content::is_still_good(const VerifiedFile& file, const std::stop_token& stop) {
  const Fingerprint before = Fingerprint::of(file.fd());
  Hasher hasher(file.digest().algorithm());
  hash_range(file.fd(), static_cast<std::uint64_t>(before.size), hasher, stop);
  const Digest actual = hasher.finish();
  if (Fingerprint::of(file.fd()) != before) return true;  // touched again: the next read tells
  if (actual == file.digest()) {
    file.set_verified(before);
    return true;
  }
  for (const Area area : {Area::blobs, Area::diffs, Area::quarantine}) {
    store_.remove(area, file.digest(), file.fd());
  }
  {
    const auto objects = objects_.lock();
    Object& object = (*objects)[file.digest()];
    object.verified.reset();
    object.healed = true;
  }
  problems_.report({ProblemKind::cache_damaged, file.digest().str(),
                    Claim{file.digest(), file.size()},
                    Claim{actual, static_cast<std::uint64_t>(before.size)},
                    "the cached file was changed while it was open and was thrown away"});
  return false;
}

void Content::check_again(const std::shared_ptr<const VerifiedFile>& file, std::stop_token stop) {
  if (is_still_good(*file, stop)) return;
  throw Error(Errc::corrupt,
              str_cat("cannot read ", file->digest(),
                      ": its cached file was changed while it was open; open it again"));
}

void Content::fetch(const Digest& digest, std::uint64_t limit, const Request& request) {
  std::optional<Partial> partial = store_.take_partial(digest, request.stop);
  const Object known = object(digest);
  // Somebody else was faster; what was left is hashed like anything else in the cache.
  const bool is_there = store_.open(Area::blobs, digest).has_value();
  const bool is_broken = known.broken && Clock::now() < known.broken->until;
  if (is_there || is_broken) {
    store_.discard(*std::exchange(partial, std::nullopt));
    if (is_there) return;
    throw Error(known.broken->error);
  }
  const auto started = Clock::now();
  // A claim of 0 is none: so much is said of what nobody has measured.
  const bool is_measured = known.most_claimed > 0;
  const Bounds bounds{limit,
                      is_measured ? std::optional(most_of(known.most_claimed)) : std::nullopt};
  std::optional<std::string> wrong;
  Errc code = Errc::corrupt;
  try {
    wrong = fetch_behind(known.endpoints, partial, bounds, known.claimed, request);
  } catch (const Error& error) {
    const bool is_kept = is_interruption(error.code()) && partial && partial->size() > 0;
    if (partial && !is_kept) store_.discard(*std::exchange(partial, std::nullopt));
    throw;
  } catch (const GoesOn& thrown) {
    if (partial) store_.discard(*std::exchange(partial, std::nullopt));
    wrong = str_cat("more than ", thrown.most, " bytes come of what ",
                    is_measured ? str_cat("descriptors give ", known.most_claimed)
                                : std::string("nobody gives a size for"));
    if (!is_measured) code = Errc::too_large;
    problems_.report({is_measured ? ProblemKind::size_mismatch : ProblemKind::limit, digest.str(),
                      Claim{digest, known.claimed}, std::nullopt, *wrong});
  } catch (...) {
    if (partial) store_.discard(*std::exchange(partial, std::nullopt));
    throw;
  }
  if (wrong) give_up(digest, known, code, *wrong);
  const std::uint64_t size = partial->size();
  if (known.claimed && *known.claimed != size) report_size(digest, *known.claimed, size);
  settle(*std::move(partial), Area::blobs, digest);
  DIGESTFS_LOG(
      info, "fetched digest=", digest, " size=", size, " ms=",
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started).count());
}

/// Fetches into `partial` from the first of `endpoints` that has the object (EP-6); nothing if that
/// went well. What came instead is in quarantine, and `partial` no more; what it was is returned.
std::optional<std::string> Content::fetch_behind(const std::vector<Endpoint>& endpoints,
                                                 std::optional<Partial>& partial,
                                                 const Bounds& bounds,
                                                 std::optional<std::uint64_t> claimed,
                                                 const Request& request) {
  const Digest digest = partial->digest();
  std::optional<std::string> wrong;
  for (const Endpoint endpoint : endpoints) {
    const bool is_last = endpoint == endpoints.back();
    if (!partial) partial = store_.take_partial(digest, request.stop);
    try {
      const Digest actual = fetch_from(endpoint, *partial, bounds, claimed, request);
      if (actual == digest) return std::nullopt;
      wrong = str_cat("the bytes that came are ", actual, ", ", partial->size(), " bytes");
      quarantine(*std::exchange(partial, std::nullopt), actual);
    } catch (const Error& error) {
      if (error.code() != Errc::not_found || (is_last && !wrong)) throw;
    }
  }
  if (partial) store_.discard(*std::exchange(partial, std::nullopt));
  return wrong;
}

void Content::report_size(const Digest& digest, std::uint64_t claimed, std::uint64_t actual) {
  problems_.report({ProblemKind::size_mismatch, digest.str(), Claim{digest, claimed},
                    Claim{digest, actual},
                    str_cat("a descriptor gives ", claimed, " bytes, the object has ", actual)});
}

void Content::check_size(const Digest& digest, std::uint64_t claimed, const Patience& patience) {
  auto actual = object(digest).proven;
  if (!actual) {
    const auto cached = find_cached(digest);
    if (!cached) return;
    const auto bytes = static_cast<std::uint64_t>(Fingerprint::of(cached->second.get()).size);
    if (bytes == claimed) return;
    // Or is it damaged?
    const auto check = [this, digest](std::stop_token stop) {
      check_cached(digest, std::move(stop));
    };
    await(flights_.join("check " + digest.str(), Lane::disk, check), patience);
    actual = object(digest).proven;
  }
  if (!actual || *actual == claimed) return;
  report_size(digest, claimed, *actual);
  throw Error(Errc::corrupt, str_cat("cannot show what is in ", digest, ": a descriptor gives ",
                                     claimed, " bytes, the object has ", *actual));
}

/// Keeps what came instead of the object that was asked for, and says so.
void Content::quarantine(Partial partial, const Digest& actual) {
  const Digest digest = partial.digest();
  const std::uint64_t size = partial.size();
  const bool is_kept = store_.quarantine(std::move(partial), actual);
  if (is_kept) {
    const auto quarantined = quarantined_.lock();
    std::erase(quarantined->digests, actual);
    quarantined->digests.push_back(actual);
    quarantined->version += 2;
  }
  problems_.report({ProblemKind::digest_mismatch, digest.str(),
                    Claim{digest, object(digest).claimed}, Claim{actual, size},
                    str_cat(source_.name(), " sent other bytes than the digest promises; they are ",
                            is_kept ? "kept in .digestfs/quarantine" : "too many to be kept")});
}

Quarantined Content::quarantined() const {
  Quarantined now = *quarantined_.lock();
  std::erase_if(now.digests, [this](const Digest& digest) { return !find_cached(digest); });
  // One that comes counts two and one that goes one, so that it never is what it was.
  now.version -= static_cast<std::int64_t>(now.digests.size());
  return now;
}

/// Fails for whoever asks, and for those who ask again soon.
void Content::give_up(const Digest& digest, const Object& tried, Errc code,
                      const std::string& what) {
  const Error error(code, str_cat("cannot fetch ", digest, " from ", source_.name(), ": ", what));
  {
    const auto objects = objects_.lock();
    Object& object = (*objects)[digest];
    // Whoever has come to know more of it meanwhile may have better luck.
    if (object.endpoints == tried.endpoints && object.most_claimed == tried.most_claimed) {
      object.broken = Broken{error, Clock::now() + kBrokenMemory};
    }
  }
  throw error;
}

/// Fetches into `partial`, going on where it is cut. The digest of what came in the end.
Digest Content::fetch_from(Endpoint endpoint, Partial& partial, const Bounds& bounds,
                           std::optional<std::uint64_t> claimed, const Request& request) {
  const Digest& digest = partial.digest();
  auto wanted = registry::Copy::any;
  int restarts = 0;
  for (int resumption = 0;;) {
    const std::uint64_t had = partial.size();
    Receiver receiver(store_, partial, bounds, wanted, request.stop);
    try {
      source_.fetch(endpoint, digest, {.offset = had}, receiver, request);
      Digest actual = receiver.finish();
      if (actual == digest) return actual;
      receiver.check_end(had, claimed);
      if (wanted == registry::Copy::sources) return actual;
      // What an earlier download left may be to blame (RTY-8), or one bad moment of the source, or
      // a cache on the way (RTY-9): once more, all of it.
      wanted = registry::Copy::sources;
      partial.truncate();
      DIGESTFS_LOG(info, "other bytes than promised, once more from the start digest=", digest,
                   " actual=", actual);
    } catch (const Error& error) {
      const bool is_cut = error.code() == Errc::unavailable || error.code() == Errc::timed_out;
      const std::uint64_t size = partial.size();
      const bool may_go_on = receiver.has_restarted() ? ++restarts <= kMaxRestarts : size > had;
      if (!is_cut || size == 0 || !may_go_on) throw;
      if (size >= had + kProgress) resumption = 0;
      if (++resumption > kMaxResumptions) throw;
      DIGESTFS_LOG(info, "download interrupted, going on digest=", digest, " at=", size,
                   " cause=", error.what());
      wait_to_go_on(resumption, request.stop);
    }
  }
}

/// The first time at once: one cut is nothing unusual.
void Content::wait_to_go_on(int resumption, const std::stop_token& stop) const {
  if (resumption > 1) {
    const auto wait = registry::back_off(resume_, resumption - 1, registry::jitter());
    registry::sleep_until(Clock::now() + wait, stop);
  }
}

void Content::decompress(const Digest& diff, const std::shared_ptr<const VerifiedFile>& layer,
                         TarObserver* observer, std::stop_token stop) {
  Partial partial = store_.take_partial(diff, stop);
  if (store_.open(Area::diffs, diff)) {
    store_.discard(std::move(partial));
    return;
  }
  partial.truncate();
  const std::string& object = diff.str();
  const auto promised = Claim{diff, std::nullopt};
  std::optional<LayerContent> content;
  try {
    DiskSink disk(store_, partial.fd());
    ObservedSink output(disk, observer);
    LayerPass pass(diff.algorithm(), output);
    std::vector<std::byte> buffer(kChunk);
    int touched = 0;
    for (std::uint64_t at = 0; at < layer->size();) {
      if (stop.stop_requested()) throw Error(Errc::interrupted, "stopped while decompressing");
      const auto got = layer->read(buffer, at);
      if (!got || *got == 0) {
        // Evicting it is enough to change its link count and ctime.
        if (++touched > 8) throw Error(Errc::unavailable, "its cached file keeps changing");
        if (is_still_good(*layer, stop)) continue;
        store_.discard(std::move(partial));
        return;  // whoever asked looks again, and fetches the layer anew
      }
      pass.write(std::span(buffer).first(*got));
      at += *got;
    }
    content = pass.finish();
  } catch (const Error& error) {
    store_.discard(std::move(partial));
    const std::string detail =
        str_cat("cannot decompress ", layer->digest(), " to ", diff, ": ", error.what());
    if (error.code() == Errc::corrupt) {
      problems_.report({ProblemKind::undecodable, object, promised, std::nullopt, detail});
    } else if (error.code() == Errc::too_large) {
      problems_.report({ProblemKind::limit, object, promised, std::nullopt, detail});
    }
    const Error failure(error.code(), detail);
    if (error.code() == Errc::corrupt || error.code() == Errc::too_large) {
      (*objects_.lock())[layer->digest()].undecodable = failure;
    }
    throw failure;
  } catch (...) {
    store_.discard(std::move(partial));
    throw;
  }
  if (!content->remark.empty()) {
    problems_.report(
        {ProblemKind::remark, layer->digest().str(), std::nullopt, std::nullopt, content->remark});
  }
  nlohmann::ordered_json note;
  note["diff"] = content->digest.str();
  note["size"] = content->size;
  note["compression"] = to_string(content->compression);
  store_.write_note("layers", note_name(layer->digest()), note.dump());
  // Whatever it turned out to be is kept under its true name (promise 3).
  settle(std::move(partial), Area::diffs, content->digest);
  const ActualDiff unpacked{content->digest, content->size};
  (*objects_.lock())[layer->digest()].unpacked = unpacked;
  add_layer(content->digest, layer->digest());
  if (content->digest == diff) {
    if (observer != nullptr) observer->end();
    return;
  }
  problems_.report(
      {ProblemKind::diff_mismatch, object, promised, Claim{content->digest, content->size},
       str_cat("the layer ", layer->digest(), " decompresses to other bytes than its diff_id")});
  throw wrong_diff(diff, layer->digest(), unpacked);
}

void Content::settle(Partial partial, Area area, const Digest& digest) {
  const Fingerprint written = Fingerprint::of(partial.fd());
  store_.publish(std::move(partial), area, digest);
  store_.touch(digest);
  const auto published = store_.open(area, digest);
  std::optional<Fingerprint> now;
  if (published) now = Fingerprint::of(published->get());
  const auto objects = objects_.lock();
  Object& object = (*objects)[digest];
  object.proven = static_cast<std::uint64_t>(written.size);
  // Publishing changes the ctime; the inode tells that it is the file whose bytes were hashed.
  if (now && now->device == written.device && now->inode == written.inode &&
      now->size == written.size) {
    object.verified = now;
  }
}

}  // namespace digestfs::cache
