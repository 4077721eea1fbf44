// SPDX-License-Identifier: Apache-2.0
#include "cache/open_objects.h"

#include <array>
#include <chrono>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "cache/hash_file.h"

namespace digestfs::cache {
namespace {

constexpr std::array kAreas{Area::blobs, Area::diffs, Area::quarantine};
// How often a file that keeps changing is looked at before the caller is told so.
constexpr int kMaxOpenings = 8;
// What is hashed at once, by the caller, in bytes: that takes no longer than to wake a worker.
constexpr std::uint64_t kAtOnce = std::uint64_t{1} << 20U;
// What is hashed or unpacked in the lane for light work, in bytes.
constexpr std::uint64_t kLight = std::uint64_t{8} << 20U;
// How often it is noted that an open object is read: one that is read all day is in use all day.
constexpr std::chrono::minutes kUseInterval{1};

/// Returns the digest of all of `fd`, or nothing if the disk cannot read it.
std::optional<Digest> digest_of_file(int fd, std::string_view algorithm,
                                     const std::stop_token& stop, Flight* flight) {
  try {
    Hasher hasher(algorithm);
    hash_file(fd, Fingerprint::of(fd).size, hasher, stop, flight);
    return hasher.finish();
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::io_error) throw;
    return std::nullopt;
  }
}

/// Returns the problem of a cached file that should be `promised`. Without `actual`, the disk could
/// not read the file.
Problem damage(const Claim& promised, const std::optional<Digest>& actual, std::uint64_t size,
               std::string_view what) {
  const std::string_view happened = actual ? what : "could not be read from the disk";
  return {ProblemKind::cache_damaged, promised.digest.str(), promised,
          actual ? std::optional(Claim{*actual, size}) : std::nullopt,
          str_cat("the cached file ", happened, " and was thrown away")};
}

}  // namespace

Lane lane_on_disk(std::uint64_t bytes) noexcept {
  return bytes <= kLight ? Lane::light : Lane::disk;
}

OpenObjects::File OpenObjects::open(const Digest& digest, const Patience& patience) {
  for (int attempt = 0; attempt < kMaxOpenings; ++attempt) {
    if (auto file = find_open(digest)) {
      if (file->is_untouched()) {
        store_.touch(digest);
        return file;
      }
      try {
        verify_again(file, patience);
      } catch (const Error& error) {
        // The open file is damaged, and was thrown away. Another one may be there by now.
        if (error.code() != Errc::corrupt) throw;
      }
      continue;
    }
    auto cached = find_cached(digest);
    if (!cached) return nullptr;
    if (auto file = adopt(digest, *std::move(cached))) {
      store_.touch(digest);
      return file;
    }
    verify(digest, patience);
  }
  throw Error(Errc::unavailable,
              str_cat("cannot open ", digest, ": its cached file keeps changing"));
}

std::size_t OpenObjects::read(const File& file, std::span<std::byte> buffer, std::uint64_t offset,
                              const Patience& patience) {
  for (int attempt = 0; attempt < kMaxOpenings; ++attempt) {
    if (const auto got = file->read(buffer, offset)) {
      if (file->is_use_due(Clock::now(), kUseInterval)) store_.touch(file->digest());
      return *got;
    }
    verify_again(file, patience);
  }
  throw Error(Errc::corrupt,
              str_cat("cannot read ", file->digest(), ": its cached file keeps changing"));
}

void OpenObjects::verify(const Digest& digest, const Patience& patience) {
  const auto size = cached_size(digest);
  if (!size) return;
  if (*size <= kAtOnce) {
    check_cached(digest, {}, nullptr);
    return;
  }
  await(flights_.join("check " + digest.str(), lane_on_disk(*size),
                      [this, digest](const std::stop_token& stop, Flight& flight) {
                        check_cached(digest, stop, &flight);
                      }),
        patience);
}

void OpenObjects::verify_again(const File& file, const Patience& patience) {
  if (file->size() <= kAtOnce) {
    check_again(*file, {}, nullptr);
    return;
  }
  // Of this very file: the file that has the name by now may be sound.
  const Fingerprint now = Fingerprint::of(file->fd());
  await(flights_.join(str_cat("check again ", file->digest(), " ", now.device, " ", now.inode),
                      lane_on_disk(file->size()),
                      [this, file](const std::stop_token& stop, Flight& flight) {
                        check_again(*file, stop, &flight);
                      }),
        patience);
}

void OpenObjects::check_cached(const Digest& digest, const std::stop_token& stop, Flight* flight) {
  const auto cached = find_cached(digest);
  if (!cached) return;
  const Fingerprint before = Fingerprint::of(cached->get());
  const auto actual = digest_of_file(cached->get(), digest.algorithm(), stop, flight);
  // Touched meanwhile: the caller looks again.
  if (Fingerprint::of(cached->get()) != before) return;
  if (actual == digest) {
    set_verified(digest, before);
    return;
  }
  discard(digest, cached->get(),
          damage(Claim{digest, std::nullopt}, actual, before.size, "did not hash to its name"));
}

bool OpenObjects::is_still_good(const VerifiedFile& file, const std::stop_token& stop,
                                Flight* flight) {
  const Fingerprint before = Fingerprint::of(file.fd());
  const auto actual = digest_of_file(file.fd(), file.digest().algorithm(), stop, flight);
  if (Fingerprint::of(file.fd()) != before) return true;  // Touched again: the next read tells.
  if (actual == file.digest()) {
    file.set_verified(before);
    set_verified(file.digest(), before);
    return true;
  }
  discard(file.digest(), file.fd(),
          damage(Claim{file.digest(), file.size()}, actual, before.size,
                 "was changed while it was open"));
  return false;
}

void OpenObjects::check_again(const VerifiedFile& file, const std::stop_token& stop,
                              Flight* flight) {
  if (is_still_good(file, stop, flight)) return;
  throw Error(Errc::corrupt, str_cat("cannot read ", file.digest(),
                                     ": its cached file was damaged; open it again"));
}

void OpenObjects::publish(Partial partial, Area area, const HashedFile& hashed) {
  const Digest& digest = hashed.digest;
  const Fingerprint& written = hashed.fingerprint;
  store_.publish(std::move(partial), area, digest);
  store_.touch(digest);
  objects_.prove_size(digest, written.size);
  const auto published = store_.open(area, digest);
  if (!published) return;
  // Publishing changes the ctime. The rest tells that this is the file that was hashed, and that
  // nobody wrote to it since. Otherwise whoever opens the object has it hashed again.
  const Fingerprint now = Fingerprint::of(published->get());
  if (now.has_same_content(written)) (*entries_.lock())[digest].set_verified(now);
}

bool OpenObjects::has(const Digest& digest) const {
  return find_open(digest) || find_cached(digest).has_value();
}

State OpenObjects::state(const Digest& digest) const {
  if (const auto file = find_open(digest)) {
    return file->is_untouched() ? State::verified : State::cached;
  }
  const auto cached = find_cached(digest);
  if (!cached) return State::remote;
  const Fingerprint now = Fingerprint::of(cached->get());
  const auto entries = entries_.lock();
  const auto at = entries->find(digest);
  return at != entries->end() && at->second.verified == now ? State::verified : State::cached;
}

std::optional<std::uint64_t> OpenObjects::cached_size(const Digest& digest) const {
  const auto cached = find_cached(digest);
  if (!cached) return std::nullopt;
  return Fingerprint::of(cached->get()).size;
}

bool OpenObjects::take_healed(const Digest& digest) {
  const auto entries = entries_.lock();
  const auto at = entries->find(digest);
  return at != entries->end() && std::exchange(at->second.healed, false);
}

std::optional<UniqueFd> OpenObjects::find_cached(const Digest& digest) const {
  for (const Area area : kAreas) {
    if (auto file = store_.open(area, digest)) return file;
  }
  return std::nullopt;
}

OpenObjects::File OpenObjects::find_open(const Digest& digest) const {
  const auto entries = entries_.lock();
  const auto at = entries->find(digest);
  return at == entries->end() ? nullptr : at->second.open.lock();
}

/// Makes `file` the open object if it is the file that was hashed. Returns the open object, which
/// is another one if somebody else was faster, or null if `file` has to be hashed first.
OpenObjects::File OpenObjects::adopt(const Digest& digest, UniqueFd file) {
  const Fingerprint now = Fingerprint::of(file.get());
  auto opened = std::make_shared<const VerifiedFile>(digest, std::move(file), now);
  const auto entries = entries_.lock();
  const auto at = entries->find(digest);
  if (at == entries->end() || at->second.verified != now) return nullptr;
  if (auto other = at->second.open.lock()) return other;
  at->second.open = opened;
  return opened;
}

void OpenObjects::set_verified(const Digest& digest, const Fingerprint& fingerprint) {
  objects_.prove_size(digest, fingerprint.size);
  (*entries_.lock())[digest].set_verified(fingerprint);
}

void OpenObjects::Entry::set_verified(const Fingerprint& now) {
  if (verified && !verified->is_same_file(now)) healed = true;
  verified = now;
}

/// Throws a damaged file away, if its name still belongs to it, and reports `problem`.
void OpenObjects::discard(const Digest& digest, int file, const Problem& problem) {
  for (const Area area : kAreas) store_.remove(area, digest, file);
  {
    const auto entries = entries_.lock();
    Entry& entry = (*entries)[digest];
    const auto open = entry.open.lock();
    const bool is_this = open && Fingerprint::of(open->fd()).is_same_file(Fingerprint::of(file));
    if (is_this) entry.open.reset();
    if (is_this || !open) entry.verified.reset();
    entry.healed = true;
  }
  problems_.report(problem);
}

}  // namespace digestfs::cache
