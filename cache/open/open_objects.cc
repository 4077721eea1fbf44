// SPDX-License-Identifier: Apache-2.0
#include "cache/open/open_objects.h"

#include <array>
#include <chrono>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
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

/// Returns the digest of all of `fd`, or nothing if the disk cannot read it. Shows the bytes to
/// `sums`, if there is one.
std::optional<Digest> digest_of_file(int fd, std::string_view algorithm, BlockSummer* sums,
                                     const std::stop_token& stop, Flight* flight) {
  try {
    Hasher hasher(algorithm);
    read_file(fd, Fingerprint::of(fd).size, stop, flight, [&](auto bytes) {
      hasher.update(bytes);
      if (sums != nullptr) sums->update(bytes);
    });
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
        if (file->is_use_due(Clock::now(), kUseInterval)) store_.touch(digest);
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
    if (auto file = adopt(digest, std::move(cached->file))) {
      store_.touch(digest);
      return file;
    }
    verify(digest, patience);
  }
  throw Error(Errc::unavailable,
              str_cat("cannot open ", digest, ": its cached file keeps changing"));
}

OpenObjects::File OpenObjects::open_by_blocks(const Digest& digest) {
  if (auto file = find_open(digest)) {
    return is_readable(*file) ? file : nullptr;
  }
  auto cached = find_cached(digest);
  if (!cached) return nullptr;
  auto file = adopt_blocks(digest, std::move(cached->file));
  if (!file || !file->is_readable()) return nullptr;
  if (is_use_due(digest)) store_.touch(digest);
  return file;
}

bool OpenObjects::is_readable(const VerifiedFile& file) const {
  if (!file.is_readable()) return false;
  if (file.is_use_due(Clock::now(), kUseInterval)) store_.touch(file.digest());
  return true;
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
  if (file->size() <= kAtOnce || file->is_damaged()) {
    check_again(*file, {}, nullptr);
    return;
  }
  // Of this very file: the file that has the name by now may be sound, and so may be a later file
  // with the same inode number.
  const Fingerprint now = Fingerprint::of(file->fd());
  await(flights_.join(str_cat("check again ", file->digest(), " ", now.device, " ", now.inode, " ",
                              now.changed_ns),
                      lane_on_disk(file->size()),
                      [this, file](const std::stop_token& stop, Flight& flight) {
                        check_again(*file, stop, &flight);
                      }),
        patience);
}

void OpenObjects::check_cached(const Digest& digest, const std::stop_token& stop, Flight* flight) {
  const auto cached = find_cached(digest);
  if (!cached) return;
  const Fingerprint before = Fingerprint::of(cached->file.get());
  std::optional<BlockSummer> sums;
  if (cached->area == Area::diffs || wants_sums(digest)) sums.emplace();
  const auto actual =
      digest_of_file(cached->file.get(), digest.algorithm(), sums ? &*sums : nullptr, stop, flight);
  // Touched meanwhile: the caller looks again.
  if (Fingerprint::of(cached->file.get()) != before) return;
  if (actual == digest) {
    set_verified(digest, before);
    if (sums) keep_sums(digest, sums->finish());
    return;
  }
  discard(digest, cached->file.get(),
          damage(Claim{digest, std::nullopt}, actual, before.size, "did not hash to its name"));
}

bool OpenObjects::is_still_good(const VerifiedFile& file, const std::stop_token& stop,
                                Flight* flight) {
  if (file.is_damaged()) return false;
  const Fingerprint before = Fingerprint::of(file.fd());
  std::optional<BlockSummer> sums;
  if (file.has_blocks()) sums.emplace();
  const auto actual =
      digest_of_file(file.fd(), file.digest().algorithm(), sums ? &*sums : nullptr, stop, flight);
  if (Fingerprint::of(file.fd()) != before) return true;  // Touched again: the next read tells.
  if (actual == file.digest()) {
    file.set_verified(before);
    set_verified(file.digest(), before);
    if (sums) keep_sums(file.digest(), sums->finish());
    return true;
  }
  file.set_damaged();
  discard(file.digest(), file.fd(),
          damage(Claim{file.digest(), file.size()}, actual, before.size,
                 file.has_blocks() ? "did not hash to its name" : "was changed while it was open"));
  return false;
}

void OpenObjects::check_again(const VerifiedFile& file, const std::stop_token& stop,
                              Flight* flight) {
  if (is_still_good(file, stop, flight)) return;
  throw Error(Errc::corrupt, str_cat("cannot read ", file.digest(),
                                     ": its cached file was damaged; open it again"));
}

void OpenObjects::publish(Partial partial, Area area, HashedFile hashed) {
  objects_.prove_size(hashed.digest, hashed.fingerprint.size);
  const auto object =
      std::make_shared<Unnamed>(Unnamed{std::move(partial), area, std::move(hashed)});
  object->open = open_unnamed(*object);
  // A disk that is slower than the readers slows them down in the end. One that takes nothing makes
  // the bringer fail: readers would have the object fetched again and again.
  if (object->open && !are_names_refused_) object->waiting = store_.wait_for_name();
  if (object->waiting) {
    const auto work = [this, object](const std::stop_token&) { give_name_later(*object); };
    if (workers_.launch(Lane::name, std::make_shared<Flight>(), work)) return;
    object->waiting.reset();
  }
  give_name(*object);
}

/// Makes the object one that can be opened. Returns null if there is no descriptor to spare.
OpenObjects::File OpenObjects::open_unnamed(const Unnamed& object) {
  UniqueFd file(::fcntl(object.partial.fd(), F_DUPFD_CLOEXEC, 0));
  if (!file) return nullptr;
  const Digest& digest = object.hashed.digest;
  const auto entries = entries_.lock();
  Entry& entry = (*entries)[digest];
  auto opened = std::make_shared<const VerifiedFile>(digest, std::move(file),
                                                     object.hashed.fingerprint, entry.replaces());
  opened->begin_writing_out();
  entry.open = opened;
  return opened;
}

/// Waits until the object is on the disk. If the disk does not take it, nothing more is read of the
/// file, and nobody goes on with it: the kernel may drop from memory what it could not write, a
/// hash of what it still has proves nothing, and it says so only once.
void OpenObjects::write_out(Partial& partial, const Unnamed& object) {
  try {
    partial.write_out();
    if (object.open) object.open->end_writing_out();
  } catch (...) {
    if (object.open) {
      // In one step: whoever finds the object open may read it.
      const auto entries = entries_.lock();
      Entry& entry = (*entries)[object.hashed.digest];
      if (entry.open.lock() == object.open) entry.open.reset();
      object.open->set_damaged();
    }
    store_.discard(std::move(partial));
    throw;
  }
}

/// Gives the object its name, and keeps its sums. If that fails, nobody believes any longer that
/// the file is what was hashed.
void OpenObjects::give_name(Unnamed& object) {
  try {
    Partial partial = std::move(object.partial);
    write_out(partial, object);
    // While it waited for the disk, somebody may have found its file.
    if (Fingerprint::of(partial.fd()) != object.hashed.fingerprint) {
      store_.discard(std::move(partial));
      throw Error(Errc::unavailable,
                  str_cat("cannot keep ", object.hashed.digest,
                          ": somebody else touched its file before it had its name"));
    }
    if (object.open) object.open->begin_naming();
    const Digest& digest = object.hashed.digest;
    const Fingerprint named = store_.publish(std::move(partial), object.area, digest);
    // Publishing changes the ctime. The rest tells that this is the file that was hashed, and that
    // nobody wrote to it since. Otherwise whoever opens the object has it hashed again.
    if (named.has_same_content(object.hashed.fingerprint)) {
      (*entries_.lock())[digest].set_verified(named);
    }
    if (object.open) object.open->end_naming(named);
    are_names_refused_ = false;
  } catch (...) {
    if (object.open) object.open->set_doubtful();
    throw;
  }
  store_.touch(object.hashed.digest);
  // They need room, too. The object is open, and so it is not thrown out for them.
  if (const auto& sums = object.hashed.sums) keep_sums(object.hashed.digest, *sums);
}

/// The same for an object that readers may have open already. If it cannot be kept, the next one to
/// read it has it hashed again, and the next one to ask has it fetched again.
void OpenObjects::give_name_later(Unnamed& object) noexcept {
  try {
    give_name(object);
  } catch (const std::exception& error) {
    are_names_refused_ = true;
    DIGESTFS_LOG(warning, "an object is not kept in the cache digest=", object.hashed.digest,
                 " cause=", error.what());
  }
  object.open.reset();
  object.waiting.reset();
}

/// Keeps the sums of an object that hashed to its name, for later mounts.
void OpenObjects::keep_sums(const Digest& digest, const BlockSums& sums) const noexcept try {
  // Open, and so in use: it is not thrown out to make room for its sums.
  if (const auto cached = find_cached(digest)) kept_sums_.keep(digest, cached->file.get(), sums);
} catch (const std::exception& error) {
  DIGESTFS_LOG(info, "the sums of an object are not kept digest=", digest, " cause=", error.what());
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
  const Fingerprint now = Fingerprint::of(cached->file.get());
  const auto entries = entries_.lock();
  const auto at = entries->find(digest);
  return at != entries->end() && at->second.verified == now ? State::verified : State::cached;
}

std::optional<UniqueFd> OpenObjects::cached_file(const Digest& digest) const {
  auto cached = find_cached(digest);
  if (!cached) return std::nullopt;
  return std::move(cached->file);
}

std::optional<std::uint64_t> OpenObjects::cached_size(const Digest& digest) const {
  if (const auto open = find_open(digest)) return open->size();
  const auto file = cached_file(digest);
  if (!file) return std::nullopt;
  return Fingerprint::of(file->get()).size;
}

bool OpenObjects::take_healed(const Digest& digest) {
  const auto entries = entries_.lock();
  const auto at = entries->find(digest);
  return at != entries->end() && std::exchange(at->second.healed, false);
}

std::optional<OpenObjects::Cached> OpenObjects::find_cached(const Digest& digest) const {
  for (const Area area : kAreas) {
    if (auto file = store_.open(area, digest)) return Cached{*std::move(file), area};
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
  const auto entries = entries_.lock();
  const auto at = entries->find(digest);
  if (at == entries->end() || at->second.verified != now) return nullptr;
  Entry& entry = at->second;
  if (auto other = entry.open.lock()) return other;
  auto opened =
      std::make_shared<const VerifiedFile>(digest, std::move(file), now, entry.replaces());
  entry.open = opened;
  return opened;
}

/// Makes `file` the open object, to be read by blocks if it was not hashed. Returns the open
/// object, which is another one if somebody else was faster, or null if `file` has to be hashed
/// first.
OpenObjects::File OpenObjects::adopt_blocks(const Digest& digest, UniqueFd file) {
  const Fingerprint now = Fingerprint::of(file.get());
  const auto blocks = blocks_of(digest, file.get());
  const auto entries = entries_.lock();
  Entry& entry = (*entries)[digest];
  if (auto other = entry.open.lock()) return other;
  File opened;
  if (entry.verified == now) {
    opened = std::make_shared<const VerifiedFile>(digest, std::move(file), now, entry.replaces());
  } else if (blocks) {
    entry.set_blocks(blocks);
    opened =
        std::make_shared<const VerifiedFile>(digest, std::move(file), blocks, entry.replaces());
  } else {
    entry.wants_sums = true;
    return nullptr;
  }
  entry.open = opened;
  return opened;
}

/// Returns the sums of the object's blocks, and what is known of the blocks of this `file`. Returns
/// null if there are no sums that fit, if somebody else may have put the file there, or if all of
/// it was hashed, so that nobody needs them.
std::shared_ptr<CheckedBlocks> OpenObjects::blocks_of(const Digest& digest, int file) const {
  const Fingerprint now = Fingerprint::of(file);
  if (!store_.is_ours_alone(file)) return nullptr;
  {
    const auto entries = entries_.lock();
    const auto at = entries->find(digest);
    if (at != entries->end()) {
      const Entry& entry = at->second;
      if (entry.verified == now) return nullptr;
      if (entry.blocks && entry.blocks->fingerprint() == now) {
        return entry.blocks->has_given_up() ? nullptr : entry.blocks;
      }
    }
  }
  auto sums = kept_sums_.find(digest, file, now.size);
  return sums ? std::make_shared<CheckedBlocks>(*std::move(sums), now) : nullptr;
}

/// Returns true once per `kUseInterval`. Whoever reads many small files opens their tar for each.
bool OpenObjects::is_use_due(const Digest& digest) {
  const auto now = Clock::now();
  const auto entries = entries_.lock();
  auto& used_at = (*entries)[digest].used_at;
  if (used_at && now < *used_at + kUseInterval) return false;
  used_at = now;
  return true;
}

bool OpenObjects::wants_sums(const Digest& digest) const {
  const auto entries = entries_.lock();
  const auto at = entries->find(digest);
  return at != entries->end() && at->second.wants_sums;
}

void OpenObjects::set_verified(const Digest& digest, const Fingerprint& fingerprint) {
  objects_.prove_size(digest, fingerprint.size);
  (*entries_.lock())[digest].set_verified(fingerprint);
}

void OpenObjects::Entry::set_verified(const Fingerprint& now) {
  verified = now;
  blocks.reset();
}

void OpenObjects::Entry::set_blocks(const std::shared_ptr<CheckedBlocks>& now) {
  verified.reset();
  blocks = now;
}

VerifiedFile::Replaces OpenObjects::Entry::replaces() const noexcept {
  return was_healed ? VerifiedFile::Replaces::another : VerifiedFile::Replaces::nothing;
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
    if (is_this || !open) {
      entry.verified.reset();
      entry.blocks.reset();
    }
    entry.heal();
  }
  problems_.report(problem);
}

}  // namespace digestfs::cache
