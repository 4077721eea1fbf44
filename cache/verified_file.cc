// SPDX-License-Identifier: Apache-2.0
#include "cache/verified_file.h"

#include <utility>

#include "base/error.h"
#include "base/file.h"

namespace digestfs::cache {
namespace {

std::int64_t nanoseconds(const timespec& time) noexcept {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

Fingerprint Fingerprint::of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw_system_error("stat a cached file");
  return {status.st_dev, status.st_ino, status.st_size, nanoseconds(status.st_mtim),
          nanoseconds(status.st_ctim)};
}

VerifiedFile::VerifiedFile(Digest digest, UniqueFd file, const Fingerprint& verified)
    : digest_(std::move(digest)),
      file_(std::move(file)),
      size_(static_cast<std::uint64_t>(verified.size)),
      verified_(verified) {}

std::optional<std::size_t> VerifiedFile::read(std::span<std::byte> buffer,
                                              std::uint64_t offset) const {
  const std::size_t got = read_at(file_.get(), buffer, offset);
  // Looked at after the read: a change that comes later cannot have reached the buffer.
  if (Fingerprint::of(file_.get()) != *verified_.lock()) return std::nullopt;
  return got;
}

void VerifiedFile::set_verified(const Fingerprint& verified) const { *verified_.lock() = verified; }

}  // namespace digestfs::cache
