// SPDX-License-Identifier: Apache-2.0
#include "cache/verified_file.h"

#include <utility>

#include "base/file.h"

namespace digestfs::cache {

VerifiedFile::VerifiedFile(Digest digest, UniqueFd file, const Fingerprint& verified)
    : digest_(std::move(digest)),
      file_(std::move(file)),
      size_(verified.size),
      verified_(verified) {}

bool VerifiedFile::is_untouched() const {
  return Fingerprint::of(file_.get()) == *verified_.lock();
}

std::optional<std::size_t> VerifiedFile::read(std::span<std::byte> buffer,
                                              std::uint64_t offset) const {
  const std::size_t got = read_at(file_.get(), buffer, offset);
  // Looked at after the read: a change that comes later cannot have reached the buffer.
  return is_untouched() ? std::optional(got) : std::nullopt;
}

void VerifiedFile::set_verified(const Fingerprint& verified) const { *verified_.lock() = verified; }

}  // namespace digestfs::cache
