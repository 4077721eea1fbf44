// SPDX-License-Identifier: Apache-2.0
#include "cache/disk/partial.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "cache/disk/lock.h"

namespace digestfs::cache {
namespace {

// A step of writing out: a slow disk takes it within a second.
constexpr std::uint64_t kStep = std::uint64_t{8} << 20U;
// What is dropped before a gap. The file system says where a gap is in whole blocks: the last one
// before it may be filled in part, and blocks of 1 MiB exist.
constexpr std::uint64_t kMargin = std::uint64_t{2} << 20U;

bool is_number(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// Splits `<hex>.<pid>.<number>` at its first dot. An own file has both numbers.
bool has_owner(std::string_view name, std::string_view& encoded) noexcept {
  const auto dot = name.find('.');
  if (dot == std::string_view::npos) return false;
  const std::string_view owner = name.substr(dot + 1);
  const auto second = owner.find('.');
  if (second == std::string_view::npos || !is_number(owner.substr(0, second)) ||
      !is_number(owner.substr(second + 1))) {
    return false;
  }
  encoded = name.substr(0, dot);
  return true;
}

std::string shared_path_of(const Digest& digest) {
  return str_cat("partial/", digest.algorithm(), "/", digest.encoded());
}

/// Returns a name of a file that is this process's own.
std::string next_own_path(const Digest& digest) {
  static std::atomic<unsigned> count{0};
  return str_cat(shared_path_of(digest), ".", ::getpid(), ".", ++count);
}

}  // namespace

std::uint64_t Partial::size() const {
  return static_cast<std::uint64_t>(stat_of(file_.get()).st_size);
}

void WriteOut::begin(std::uint64_t offset) noexcept {
  begin_ = offset;
  sent_at_ = offset;
}

void WriteOut::advance(int fd, std::uint64_t end) {
  if (end - begin_ < kStep) return;
  if (!is_open(fd)) return;
  // Starts writing this step out, and waits for the one before it. Some file systems cannot do this
  // at all.
  static_cast<void>(::sync_file_range(own_.get(), static_cast<off_t>(begin_),
                                      static_cast<off_t>(end - begin_), SYNC_FILE_RANGE_WRITE));
  if (sent_at_ < begin_) {
    static_cast<void>(::sync_file_range(
        own_.get(), static_cast<off_t>(sent_at_), static_cast<off_t>(begin_ - sent_at_),
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER));
  }
  sent_at_ = begin_;
  begin_ = end;
}

/// Opens the file of `fd` once more. Returns false if that cannot be done: then all is left to the
/// end.
bool WriteOut::is_open(int fd) {
  if (!own_) own_ = UniqueFd(::open(str_cat("/proc/self/fd/", fd).c_str(), O_RDONLY | O_CLOEXEC));
  return static_cast<bool>(own_);
}

void Partial::write_out() const {
  if (::fdatasync(file_.get()) != 0) throw_system_error(str_cat("write out ", path_));
}

void Partial::keep(std::uint64_t bytes) {
  if (::ftruncate(file_.get(), static_cast<off_t>(bytes)) != 0) {
    throw_system_error(str_cat("shorten the partial file of ", digest_));
  }
  go_to(bytes);
}

void Partial::go_to(std::uint64_t offset) {
  if (::lseek(file_.get(), static_cast<off_t>(offset), SEEK_SET) < 0) {
    throw_system_error(str_cat("go on with the partial file of ", digest_));
  }
  position_ = offset;
  write_out_.begin(offset);
}

void Partial::drop_behind_gap() {
  const std::uint64_t end = size();
  // A file system that knows nothing of gaps fails, or says that there is none.
  const off_t gap = ::lseek(file_.get(), 0, SEEK_HOLE);
  const auto at = static_cast<std::uint64_t>(gap);
  if (gap >= 0 && at < end) keep(at - std::min(at, kMargin));
  go_to(0);
}

void Partial::write(std::span<const std::byte> bytes) {
  write_all(file_.get(), bytes);
  position_ += bytes.size();
  write_out_.advance(file_.get(), position_);
}

void Partial::write_at(std::span<const std::byte> bytes, std::uint64_t offset) {
  write_all_at(file_.get(), bytes, offset);
}

bool is_own_partial_name(std::string_view name) {
  std::string_view encoded;
  return has_owner(name, encoded);
}

bool is_partial_name(std::string_view algorithm, std::string_view name) {
  std::string_view encoded = name;
  static_cast<void>(has_owner(name, encoded));
  return Digest::parse(str_cat(algorithm, ":", encoded)).has_value();
}

Partial make_own_partial(const Directory& directory, const Digest& digest) {
  try {
    UniqueFd file = directory.make_unnamed(Directory::Name::later);
    // For the moment in which it has its name: it is not to be tidied away.
    lock_own(file.get());
    return {digest, next_own_path(digest), std::move(file), Partial::Name::to_come};
  } catch (const std::system_error&) {
    // Not on this file system. If something else is wrong, that is wrong with a name as well.
    return make_named_partial(directory, digest);
  }
}

Partial make_named_partial(const Directory& directory, const Digest& digest) {
  // Another process may have the same number, in another namespace or after a file was left.
  for (;;) {
    std::string path = next_own_path(digest);
    UniqueFd file = directory.make(path);
    if (lock_named(directory, path, file.get()) == Locked::no) continue;
    Partial own(digest, std::move(path), std::move(file));
    own.truncate();
    return own;
  }
}

PartialClaim::PartialClaim(const Directory& directory, Digest digest,
                           std::chrono::milliseconds idle)
    : directory_(directory),
      digest_(std::move(digest)),
      idle_(idle),
      path_(shared_path_of(digest_)) {}

std::optional<Partial> PartialClaim::poll() {
  UniqueFd file = directory_.make(path_);
  switch (lock_named(directory_, path_, file.get())) {
    case Locked::yes:
      return Partial(digest_, path_, std::move(file));
    case Locked::impossible:
      return make_own_partial(directory_, digest_);
    case Locked::no:
      break;
  }
  const auto now = std::chrono::steady_clock::now();
  // Not the size alone: several connections write behind each other.
  const Fingerprint found = Fingerprint::of(file.get());
  if (std::exchange(found_, found) != found) grown_at_ = now;
  if (now - grown_at_ < idle_) return std::nullopt;
  DIGESTFS_LOG(info,
               "another process holds a partial file and adds nothing to it digest=", digest_);
  return make_own_partial(directory_, digest_);
}

Partial PartialClaim::take_any() {
  if (auto partial = poll()) return *std::move(partial);
  return make_own_partial(directory_, digest_);
}

}  // namespace digestfs::cache
