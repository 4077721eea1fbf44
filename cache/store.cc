// SPDX-License-Identifier: Apache-2.0
#include "cache/store.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <initializer_list>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "base/timestamp.h"

namespace digestfs::cache {
namespace {

using namespace std::chrono_literals;
using DirectoryHandle = std::unique_ptr<DIR, Deleter<closedir>>;

// https://bford.info/cachedir/ prescribes the first line.
constexpr std::string_view kCacheTag =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# Verified content of container registries, kept by digestfs(1). It may be deleted at any "
    "time.\n";

constexpr std::size_t kMaxNote = std::size_t{64} << 20U;
constexpr auto kLockPoll = 50ms;
// Other processes publish too: the folder is looked at anew at least this often, in bytes.
constexpr std::uint64_t kLookAgainAfter = std::uint64_t{256} << 20U;

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

std::string object_path(std::string_view folder, const Digest& digest) {
  return str_cat(folder, "/", digest.algorithm(), "/", digest.encoded());
}

void make_directory(int directory, const std::string& path) {
  if (::mkdirat(directory, path.c_str(), 0700) != 0 && errno != EEXIST) {
    throw_system_error(str_cat("make the folder ", path));
  }
}

/// Opens a regular file for reading, without following a link into it or waiting for a fifo's
/// writer.
std::optional<UniqueFd> open_regular(int directory, const std::string& path) {
  int fd = -1;
  do {
    fd = ::openat(directory, path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) {
    // A link, a device without a driver: not an object of ours.
    if (errno == ENOENT || errno == ELOOP || errno == ENXIO || errno == ENOTDIR) {
      return std::nullopt;
    }
    throw_system_error(str_cat("open ", path));
  }
  UniqueFd file(fd);
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw_system_error(str_cat("stat ", path));
  if (!S_ISREG(status.st_mode)) return std::nullopt;
  return file;
}

struct stat stat_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw_system_error("stat a file of the cache");
  return status;
}

bool is_same_file(const struct stat& a, const struct stat& b) noexcept {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/// The names in a folder, without `.` and `..`; none where there is no such folder.
std::vector<std::string> names_in(int directory, const std::string& path) {
  const int fd = ::openat(directory, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return {};
  const DirectoryHandle handle(::fdopendir(fd));
  if (!handle) {
    ::close(fd);
    return {};
  }
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(handle.get())) {
    const std::string_view name(static_cast<const char*>(entry->d_name));
    if (name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

/// A file of the cache that may be thrown out, and when it was used last.
struct Candidate {
  std::string path;
  std::uint64_t bytes = 0;
  std::int64_t used_ns = 0;
};

/// What lies in `folders`, least recently used first.
std::vector<Candidate> candidates_in(int directory, std::initializer_list<const char*> folders) {
  std::vector<Candidate> found;
  for (const char* folder : folders) {
    for (const std::string& algorithm : names_in(directory, folder)) {
      for (const std::string& encoded : names_in(directory, str_cat(folder, "/", algorithm))) {
        // What is not named like an object was put there by somebody else, and stays.
        if (!Digest::parse(str_cat(algorithm, ":", encoded))) continue;
        Candidate candidate;
        candidate.path = str_cat(folder, "/", algorithm, "/", encoded);
        struct stat status {};
        if (::fstatat(directory, candidate.path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(status.st_mode)) {
          continue;
        }
        candidate.bytes = static_cast<std::uint64_t>(status.st_size);
        candidate.used_ns = to_nanoseconds(status.st_mtim);
        struct stat used {};
        const std::string used_path = str_cat("used/", algorithm, "/", encoded);
        if (::fstatat(directory, used_path.c_str(), &used, AT_SYMLINK_NOFOLLOW) == 0) {
          candidate.used_ns = to_nanoseconds(used.st_mtim);
        }
        found.push_back(std::move(candidate));
      }
    }
  }
  std::ranges::sort(found, {}, &Candidate::used_ns);
  return found;
}

std::uint64_t bytes_of(const std::vector<Candidate>& candidates) {
  std::uint64_t total = 0;
  for (const Candidate& candidate : candidates) total += candidate.bytes;
  return total;
}

/// Takes the name away: who has the file open keeps its bytes. Whether it is gone; another process
/// that was faster is as good.
bool remove_finished(int directory, const std::string& path) {
  const bool is_gone = ::unlinkat(directory, path.c_str(), 0) == 0 || errno == ENOENT;
  if (is_gone) ::unlinkat(directory, ("used" + path.substr(path.find('/'))).c_str(), 0);
  return is_gone;
}

/// Takes the name of a partial file away unless somebody works on it. Whether it is gone.
bool remove_idle_partial(int directory, const std::string& path) {
  const auto file = open_regular(directory, path);
  if (!file) return true;
  if (::flock(file->get(), LOCK_EX | LOCK_NB) != 0) return false;
  struct stat named {};
  if (::fstatat(directory, path.c_str(), &named, AT_SYMLINK_NOFOLLOW) != 0) return true;
  return is_same_file(named, stat_of(file->get())) && ::unlinkat(directory, path.c_str(), 0) == 0;
}

}  // namespace

std::uint64_t Partial::size() const {
  return static_cast<std::uint64_t>(stat_of(file_.get()).st_size);
}

void Partial::truncate() {
  if (::ftruncate(file_.get(), 0) != 0 || ::lseek(file_.get(), 0, SEEK_SET) < 0) {
    throw_system_error(str_cat("empty the partial file of ", digest_));
  }
}

Store::Store(const std::filesystem::path& directory, StoreLimits limits)
    : path_(std::filesystem::absolute(directory)), limits_(limits) {
  // `DIR/` has DIR for its parent, which must not be made as one of the folders above it.
  if (!path_.has_filename()) path_ = path_.parent_path();
  std::filesystem::create_directories(path_.parent_path());
  if (::mkdir(path_.c_str(), 0700) != 0 && errno != EEXIST) {
    throw_system_error(str_cat("make the folder ", path_.native()));
  }
  directory_ = open_file(AT_FDCWD, path_, O_RDONLY | O_DIRECTORY);
  const struct stat status = stat_of(directory_.get());
  if (status.st_uid != ::geteuid() && ::geteuid() != 0) {
    throw std::system_error(EPERM, std::generic_category(), "the folder belongs to somebody else");
  }
  for (const char* folder : {"blobs", "diffs", "partial", "quarantine", "used", "layers", "tags"}) {
    make_directory(directory_.get(), folder);
  }
  // By trial: permissions are not all that can keep one from writing.
  write_note(".", "CACHEDIR.TAG", kCacheTag);
}

std::optional<UniqueFd> Store::open(Area area, const Digest& digest) const {
  return open_regular(directory_.get(), object_path(name_of(area), digest));
}

Partial Store::take_partial(const Digest& digest, std::stop_token stop) const {
  make_directory(directory_.get(), str_cat("partial/", digest.algorithm()));
  const std::string path = object_path("partial", digest);
  for (;;) {
    UniqueFd file = open_file(directory_.get(), path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    auto size = stat_of(file.get()).st_size;
    auto moved_at = std::chrono::steady_clock::now();
    while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK && errno != EINTR) throw_system_error(str_cat("lock ", path));
      if (stop.stop_requested()) {
        throw Error(Errc::interrupted, str_cat("stopped while somebody else has ", digest));
      }
      const auto now = std::chrono::steady_clock::now();
      if (const auto grown = stat_of(file.get()).st_size; std::exchange(size, grown) != grown) {
        moved_at = now;
      }
      if (now - moved_at > limits_.idle) {
        throw Error(Errc::timed_out, str_cat("somebody else has ", path_.native(), "/", path,
                                             " and adds nothing to it"));
      }
      std::this_thread::sleep_for(kLockPoll);
    }
    // Who had it may have renamed or removed it: then the lock is on a file that has no name here.
    struct stat named {};
    if (::fstatat(directory_.get(), path.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
        is_same_file(named, stat_of(file.get()))) {
      return {digest, std::move(file)};
    }
  }
}

void Store::publish(Partial partial, Area area, const Digest& digest) const {
  // On disk before it has its name: a torn write must not be found under it (promise 6).
  if (::fdatasync(partial.fd()) != 0) throw_system_error(str_cat("write out ", digest));
  make_directory(directory_.get(), str_cat(name_of(area), "/", digest.algorithm()));
  const std::string to = object_path(name_of(area), digest);
  rename_to(partial, to);
  keep_bound(partial.size(), to);
}

void Store::rename_to(const Partial& partial, const std::string& path) const {
  const std::string from = object_path("partial", partial.digest());
  if (::renameat(directory_.get(), from.c_str(), directory_.get(), path.c_str()) != 0) {
    throw_system_error(str_cat("publish ", path));
  }
  // Not before: a partial file that is read-only could not be taken again (promise 6).
  if (::fchmod(partial.fd(), 0444) != 0) throw_system_error(str_cat("make read-only ", path));
}

bool Store::quarantine(Partial partial, const Digest& actual) const {
  const std::uint64_t added = partial.size();
  if (added > limits_.quarantine) {
    discard(std::move(partial));
    return false;
  }
  const auto held = candidates_in(directory_.get(), {name_of(Area::quarantine)});
  std::uint64_t total = bytes_of(held) + added;
  for (const Candidate& oldest : held) {
    if (total <= limits_.quarantine) break;
    if (remove_finished(directory_.get(), oldest.path)) total -= oldest.bytes;
  }
  make_directory(directory_.get(), str_cat(name_of(Area::quarantine), "/", actual.algorithm()));
  rename_to(partial, object_path(name_of(Area::quarantine), actual));
  return true;
}

void Store::keep_bound(std::uint64_t added, const std::string& keep) const {
  const auto bytes = static_cast<std::int64_t>(added);
  if (headroom_.fetch_sub(bytes) >= bytes) return;
  evict(0, &keep);
}

void Store::discard(Partial partial) const {
  // Under its lock, so that the name still belongs to this file.
  ::unlinkat(directory_.get(), object_path("partial", partial.digest()).c_str(), 0);
}

void Store::remove(Area area, const Digest& digest, int damaged) const {
  const std::string path = object_path(name_of(area), digest);
  struct stat named {};
  if (::fstatat(directory_.get(), path.c_str(), &named, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (!is_same_file(named, stat_of(damaged))) return;
  if (::unlinkat(directory_.get(), path.c_str(), 0) != 0 && errno != ENOENT) {
    throw_system_error(str_cat("remove the damaged ", path));
  }
}

void Store::reserve(std::uint64_t bytes) const {
  const auto missing = [&]() -> std::uint64_t {
    struct statvfs disk {};
    if (::fstatvfs(directory_.get(), &disk) != 0) throw_system_error("look at the cache's disk");
    const std::uint64_t kept = disk.f_blocks * limits_.free_percent / 100 * disk.f_frsize;
    const std::uint64_t wanted = kept + std::min(bytes, UINT64_MAX - kept);
    const std::uint64_t free = disk.f_bavail * disk.f_frsize;
    return wanted > free ? wanted - free : 0;
  };
  std::uint64_t wanted = missing();
  if (wanted == 0) return;
  const auto all = candidates_in(directory_.get(), {"blobs", "diffs", "partial", "quarantine"});
  if (wanted <= bytes_of(all)) {
    // What somebody reads goes on taking room without its name; some file systems give room back
    // late, and there no more is to be thrown out than this.
    constexpr int kRounds = 4;
    for (int round = 0; wanted > 0 && round < kRounds; ++round) {
      evict(wanted, nullptr);
      wanted = missing();
    }
  }
  if (wanted > 0) {
    throw std::system_error(
        ENOSPC, std::generic_category(),
        str_cat("the disk of the cache ", path_.native(), " is nearly full: ", wanted,
                " bytes more have to be free, for ", limits_.free_percent, " % of it stay so"));
  }
}

void Store::touch(const Digest& digest) const noexcept try {
  const std::string path = object_path("used", digest);
  make_directory(directory_.get(), str_cat("used/", digest.algorithm()));
  const UniqueFd file = open_file(directory_.get(), path, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
  ::futimens(file.get(), nullptr);
} catch (const std::exception&) {
  // It is evicted a little early, that is all.
}

std::optional<std::string> Store::read_note(std::string_view folder, std::string_view name) const {
  const auto file = open_regular(directory_.get(), str_cat(folder, "/", name));
  if (!file) return std::nullopt;
  return read_rest(file->get(), kMaxNote);
}

void Store::write_note(std::string_view folder, std::string_view name,
                       std::string_view text) const {
  const std::string path = str_cat(folder, "/", name);
  // Of this process and thread alone, so that nobody else writes into it.
  const std::string draft = str_cat(path, ".", ::getpid(), ".", ::gettid(), ".new");
  try {
    const UniqueFd file =
        open_file(directory_.get(), draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    write_all(file.get(), as_bytes(text));
    if (::renameat(directory_.get(), draft.c_str(), directory_.get(), path.c_str()) != 0) {
      throw_system_error(str_cat("publish ", path));
    }
  } catch (...) {
    ::unlinkat(directory_.get(), draft.c_str(), 0);
    throw;
  }
}

void Store::evict(std::uint64_t wanted_free, const std::string* keep) const {
  std::uint64_t freed = 0;
  if (wanted_free > 0) {
    // Of all that is here the least use to anybody.
    for (const Candidate& bad : candidates_in(directory_.get(), {name_of(Area::quarantine)})) {
      if (freed >= wanted_free) break;
      if (remove_finished(directory_.get(), bad.path)) freed += bad.bytes;
    }
  }
  const auto candidates = candidates_in(directory_.get(), {"blobs", "diffs", "partial"});
  std::uint64_t left = bytes_of(candidates);
  for (const Candidate& candidate : candidates) {
    if (left <= limits_.size && freed >= wanted_free) break;
    if (keep != nullptr && candidate.path == *keep) continue;
    const bool is_gone = candidate.path.starts_with("partial/")
                             ? remove_idle_partial(directory_.get(), candidate.path)
                             : remove_finished(directory_.get(), candidate.path);
    if (!is_gone) continue;
    freed += candidate.bytes;
    left -= candidate.bytes;
  }
  const std::uint64_t room = limits_.size > left ? limits_.size - left : 0;
  headroom_ = static_cast<std::int64_t>(std::min(room, kLookAgainAfter));
}

}  // namespace digestfs::cache
