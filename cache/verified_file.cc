// SPDX-License-Identifier: Apache-2.0
#include "cache/verified_file.h"

#include <system_error>
#include <utility>

#include "base/file.h"

namespace digestfs::cache {

VerifiedFile::VerifiedFile(Digest digest, UniqueFd file, const Fingerprint& verified)
    : digest_(std::move(digest)),
      file_(std::move(file)),
      size_(verified.size),
      verified_(verified) {}

bool VerifiedFile::is_use_due(Clock::time_point now, Clock::duration interval) const noexcept {
  auto before = used_at_.load();
  return now >= before + interval && used_at_.compare_exchange_strong(before, now);
}

bool VerifiedFile::is_untouched() const {
  const Fingerprint now = Fingerprint::of(file_.get());
  return *verified_.lock() == now;
}

std::optional<std::size_t> VerifiedFile::read(std::span<std::byte> buffer,
                                              std::uint64_t offset) const {
  try {
    const std::size_t got = read_at(file_.get(), buffer, offset);
    // Looked at after the read: a change that comes later cannot have reached the buffer.
    return is_untouched() ? std::optional(got) : std::nullopt;
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::io_error) throw;
    verified_.lock()->reset();
    return std::nullopt;
  }
}

void VerifiedFile::set_verified(const Fingerprint& verified) const { *verified_.lock() = verified; }

}  // namespace digestfs::cache
