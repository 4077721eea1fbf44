// SPDX-License-Identifier: Apache-2.0
#include "cache/open_objects.h"

#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "cache/hash_file.h"

namespace digestfs::cache {
namespace {

constexpr Area kAreas[] = {Area::blobs, Area::diffs, Area::quarantine};
// How often a file that keeps changing is looked at before the caller is told so.
constexpr int kMaxAttempts = 8;

}  // namespace

OpenObjects::File OpenObjects::open(const Digest& digest, const Patience& patience) {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    if (auto file = find_open(digest)) {
      if (file->is_untouched()) {
        store_.touch(digest);
        return file;
      }
      try {
        await(start_check(file), patience);
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
    await(start_check(digest), patience);
  }
  throw Error(Errc::unavailable,
              str_cat("cannot open ", digest, ": its cached file keeps changing"));
}

std::size_t OpenObjects::read(const File& file, std::span<std::byte> buffer, std::uint64_t offset,
                              const Patience& patience) {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    if (const auto got = file->read(buffer, offset)) return *got;
    await(start_check(file), patience);
  }
  throw Error(Errc::corrupt,
              str_cat("cannot read ", file->digest(), ": its cached file keeps changing"));
}

void OpenObjects::verify(const Digest& digest, const Patience& patience) {
  await(start_check(digest), patience);
}

std::shared_ptr<Flight> OpenObjects::start_check(const Digest& digest) {
  return flights_.join("check " + digest.str(), Lane::disk,
                       [this, digest](const std::stop_token& stop, Flight& flight) {
                         check_cached(digest, stop, flight);
                       });
}

std::shared_ptr<Flight> OpenObjects::start_check(const File& file) {
  // Of this very file: the file that has the name by now may be sound.
  const Fingerprint now = Fingerprint::of(file->fd());
  return flights_.join(str_cat("check again ", file->digest(), " ", now.device, " ", now.inode),
                       Lane::disk, [this, file](const std::stop_token& stop, Flight& flight) {
                         check_again(file, stop, flight);
                       });
}

void OpenObjects::check_cached(const Digest& digest, const std::stop_token& stop, Flight& flight) {
  const auto cached = find_cached(digest);
  if (!cached) return;
  const Fingerprint before = Fingerprint::of(cached->get());
  Hasher hasher(digest.algorithm());
  hash_file(cached->get(), before.size, hasher, stop, &flight);
  const Digest actual = hasher.finish();
  if (Fingerprint::of(cached->get()) != before)
    return;  // Touched meanwhile: the caller looks again.
  if (actual == digest) {
    set_verified(digest, before);
    return;
  }
  discard(
      digest, cached->get(),
      {ProblemKind::cache_damaged, digest.str(), Claim{digest, std::nullopt},
       Claim{actual, before.size}, "the cached file did not hash to its name and was thrown away"});
}

bool OpenObjects::is_still_good(const VerifiedFile& file, const std::stop_token& stop,
                                Flight* flight) {
  const Fingerprint before = Fingerprint::of(file.fd());
  Hasher hasher(file.digest().algorithm());
  hash_file(file.fd(), before.size, hasher, stop, flight);
  const Digest actual = hasher.finish();
  if (Fingerprint::of(file.fd()) != before) return true;  // Touched again: the next read tells.
  if (actual == file.digest()) {
    file.set_verified(before);
    set_verified(file.digest(), before);
    return true;
  }
  discard(file.digest(), file.fd(),
          {ProblemKind::cache_damaged, file.digest().str(), Claim{file.digest(), file.size()},
           Claim{actual, before.size},
           "the cached file was changed while it was open and was thrown away"});
  return false;
}

void OpenObjects::check_again(const File& file, const std::stop_token& stop, Flight& flight) {
  if (is_still_good(*file, stop, &flight)) return;
  throw Error(Errc::corrupt,
              str_cat("cannot read ", file->digest(),
                      ": its cached file was changed while it was open; open it again"));
}

void OpenObjects::publish(Partial partial, Area area, const Digest& digest) {
  const Fingerprint written = Fingerprint::of(partial.fd());
  store_.publish(std::move(partial), area, digest);
  store_.touch(digest);
  objects_.prove_size(digest, written.size);
  const auto published = store_.open(area, digest);
  if (!published) return;
  // Publishing changes the ctime. The rest tells that this is the file whose bytes were hashed.
  const Fingerprint now = Fingerprint::of(published->get());
  if (now.has_same_content(written)) (*entries_.lock())[digest].verified = now;
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
  (*entries_.lock())[digest].verified = fingerprint;
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
