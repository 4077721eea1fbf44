// SPDX-License-Identifier: Apache-2.0
#include "cache/store.h"

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "cache/disk/lock.h"
#include "cache/disk/notes.h"

namespace digestfs::cache {
namespace {

// https://bford.info/cachedir/ prescribes the first line.
constexpr std::string_view kCacheTag =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# Verified content of container registries, kept by digestfs(1). It may be deleted at any "
    "time.\n";

constexpr std::size_t kMaxNote = std::size_t{64} << 20U;

constexpr const char* name_of(Area area) noexcept {
  switch (area) {
    case Area::blobs:
      return "blobs";
    case Area::diffs:
      return "diffs";
    case Area::quarantine:
      break;
  }
  return "quarantine";
}

/// Writes to the draft of a hint. Throws ENOSPC where the disk has no room as it is.
class DraftSink final : public ByteSink {
 public:
  DraftSink(Draft& draft, const Eviction& eviction) : draft_(draft), eviction_(eviction) {}

  void write(std::span<const std::byte> bytes) override {
    if (!eviction_.has_room(bytes.size())) {
      throw std::system_error(ENOSPC, std::generic_category(), "nothing is thrown out for a hint");
    }
    draft_.write(as_text(bytes));
    written_ += bytes.size();
  }
  [[nodiscard]] std::uint64_t written() const noexcept { return written_; }

 private:
  Draft& draft_;
  const Eviction& eviction_;
  std::uint64_t written_ = 0;
};

std::string object_path(std::string_view folder, const Digest& digest) {
  return str_cat(folder, "/", digest.algorithm(), "/", digest.encoded());
}

}  // namespace

Store::Store(const std::filesystem::path& directory, const StoreLimits& limits)
    : limits_(limits),
      directory_(directory),
      eviction_(directory_, {.size = limits.size,
                             .quarantine = limits.quarantine,
                             .free_percent = limits.free_percent}) {
  for (const char* folder :
       {"blobs", "diffs", "partial", "quarantine", "used", "sums", "trees", "layers", "tags"}) {
    directory_.make_folder(folder);
  }
  // By trial: permissions are not all that can keep one from writing.
  cache::write_note(directory_, "CACHEDIR.TAG", kCacheTag);
}

std::optional<UniqueFd> Store::open(Area area, const Digest& digest) const {
  auto file = directory_.open(object_path(name_of(area), digest));
  if (file) mark_in_use(file->get());
  return file;
}

Partial Store::make_own(const Digest& digest) const { return make_own_partial(directory_, digest); }

PartialClaim Store::claim(const Digest& digest) const { return {directory_, digest, limits_.idle}; }

Partial Store::take_partial(const Digest& digest, std::stop_token stop) const {
  PartialClaim claimed = claim(digest);
  for (;;) {
    if (auto partial = claimed.poll()) return *std::move(partial);
    if (stop.stop_requested()) {
      throw Error(Errc::interrupted, str_cat("stopped while somebody else has ", digest));
    }
    std::this_thread::sleep_for(PartialClaim::kPollEvery);
  }
}

Fingerprint Store::publish(Partial partial, Area area, const Digest& digest) const {
  rename_to(partial, object_path(name_of(area), digest));
  const Fingerprint named = Fingerprint::of(partial.fd());
  try {
    eviction_.make_room_after(named.size);
  } catch (const std::exception& error) {
    // The object has its name; the bounds are looked at again soon.
    DIGESTFS_LOG(info, "cannot keep the bounds of the cache now cause=", error.what());
  }
  return named;
}

void Store::rename_to(Partial& partial, const std::string& path) const {
  // Somebody may have emptied the cache, and somebody else may have begun the file anew.
  if (!directory_.is_named(partial.path(), partial.fd()) &&
      !(partial.is_unnamed() && directory_.link(partial.fd(), partial.path()))) {
    partial = copy_of(partial);
  }
  directory_.rename(partial.path(), path);
  // Not before: a partial file that is read-only could not be taken again (promise 6).
  if (::fchmod(partial.fd(), 0444) != 0) throw_system_error(str_cat("make read-only ", path));
  // From now on it may be read, but not evicted for as long as `partial` is here.
  mark_in_use(partial.fd());
}

/// Copies the bytes of a partial file that has lost its name. Whoever opens the copy hashes it.
Partial Store::copy_of(const Partial& partial) const {
  // Nobody adds to a file of this process alone, so there is no other holder to wait for.
  Partial copy = make_named_partial(directory_, partial.digest());
  std::vector<std::byte> buffer(std::size_t{256} << 10U);
  for (std::uint64_t at = 0;;) {
    const std::size_t got = read_at(partial.fd(), buffer, at);
    if (got == 0) break;
    copy.write(std::span(buffer).first(got));
    at += got;
  }
  copy.write_out();
  return copy;
}

void Store::reserve(std::uint64_t bytes) const {
  // Those that wait now, and not those that come meanwhile.
  std::optional<std::uint64_t> last;
  for (;;) {
    const auto [waiting, ended] = unnamed_.counts();
    if (!last) last = ended + waiting;
    try {
      eviction_.reserve(bytes);
      return;
    } catch (const std::system_error& error) {
      if (error.code() != std::errc::no_space_on_device) throw;
      if (ended >= *last || !unnamed_.await_end(ended)) throw;
    }
  }
}

bool Store::quarantine(Partial partial, const Digest& actual) const {
  const std::uint64_t added = partial.size();
  if (added > limits_.quarantine) {
    discard(std::move(partial));
    return false;
  }
  eviction_.make_room_in_quarantine(added);
  partial.write_out();
  rename_to(partial, object_path(name_of(Area::quarantine), actual));
  return true;
}

void Store::discard(Partial partial) const {
  // Under its lock, so that the name still belongs to this file.
  if (directory_.is_named(partial.path(), partial.fd())) directory_.remove(partial.path());
}

void Store::remove(Area area, const Digest& digest, int damaged) const {
  const std::string path = object_path(name_of(area), digest);
  if (!directory_.is_named(path, damaged)) return;
  if (!directory_.remove(path)) throw_system_error(str_cat("remove the damaged ", path));
}

void Store::tidy(const std::stop_token& stop) const noexcept try {
  eviction_.tidy(stop);
} catch (const std::exception& error) {
  DIGESTFS_LOG(warning, "cannot tidy up the cache ", directory_.path().native(), ": ",
               error.what());
}

UniqueFd Store::make_unnamed(std::uint64_t bytes) const {
  if (!has_room(bytes)) {
    throw std::system_error(ENOSPC, std::generic_category(), "nothing is thrown out for it");
  }
  return directory_.make_unnamed(Directory::Name::never);
}

void Store::touch(const Digest& digest) const noexcept try {
  ::futimens(directory_.make(object_path("used", digest)).get(), nullptr);
} catch (const std::exception&) {
  // It is evicted a little early, that is all.
}

bool Store::is_ours_alone(int file) const {
  const struct stat status = stat_of(file);
  return S_ISREG(status.st_mode) && status.st_uid == ::geteuid() &&
         !is_writable_by_others(status) && !directory_.is_shared();
}

std::optional<UniqueFd> Store::open_hint(Hint hint, const Digest& digest, int object) const {
  if (!is_ours_alone(object)) return std::nullopt;
  auto file = directory_.open(hint_path(hint, digest));
  return file && is_ours_alone(file->get()) ? std::move(file) : std::nullopt;
}

bool Store::write_hint(Hint hint, const Digest& digest,
                       const std::function<void(ByteSink&)>& write) const noexcept try {
  if (directory_.is_shared()) return false;
  Draft draft(directory_, hint_path(hint, digest));
  DraftSink sink(draft, eviction_);
  write(sink);
  draft.publish();
  eviction_.make_room_after(sink.written());
  return true;
} catch (const std::exception& error) {
  DIGESTFS_LOG(info, "a hint of the cache is not kept digest=", digest, " cause=", error.what());
  return false;
}

void Store::remove_hint(Hint hint, const Digest& digest) const noexcept try {
  directory_.remove(hint_path(hint, digest));
} catch (const std::exception&) {
  // For want of memory. It is found to be of no use again, that is all.
}

std::optional<std::string> Store::read_note(std::string_view folder, std::string_view name) const {
  return cache::read_note(directory_, str_cat(folder, "/", name), kMaxNote);
}

void Store::write_note(std::string_view folder, std::string_view name,
                       std::string_view text) const {
  cache::write_note(directory_, str_cat(folder, "/", name), text);
}

}  // namespace digestfs::cache
