// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/digest.h"
#include "base/fingerprint.h"
#include "base/flight.h"
#include "base/guarded.h"
#include "base/handle.h"

namespace digestfs::cache {

/// An open file of the cache whose content was hashed and found to be `digest()`, and the
/// fingerprint that the file had then. The file stays readable after it was evicted. Safe for
/// concurrent use.
class VerifiedFile {
 public:
  VerifiedFile(Digest digest, UniqueFd file, const Fingerprint& verified);

  [[nodiscard]] const Digest& digest() const noexcept { return digest_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] int fd() const noexcept { return file_.get(); }

  /// Returns true once per `interval`, counted from when the file was opened: then somebody should
  /// note that the file is in use.
  [[nodiscard]] bool is_use_due(Clock::time_point now, Clock::duration interval) const noexcept;

  /// Returns true if the file still looks as it did when it was hashed, and could be read so far.
  [[nodiscard]] bool is_untouched() const;

  /// Fills `buffer` from `offset`, with less only at the end of the file. Returns nothing if the
  /// file no longer looks as it did when it was hashed, or if the disk cannot read it: then the
  /// bytes prove nothing (promise 2), and the file has to be hashed again first.
  [[nodiscard]] std::optional<std::size_t> read(std::span<std::byte> buffer,
                                                std::uint64_t offset) const;

  /// Notes that the file was hashed again, had the fingerprint `verified` throughout, and is still
  /// `digest()`.
  void set_verified(const Fingerprint& verified) const;

 private:
  // Constant after construction.
  Digest digest_;
  UniqueFd file_;
  std::uint64_t size_;
  // Synchronises itself.
  mutable std::atomic<Clock::time_point> used_at_{Clock::now()};
  // Guarded by the lock it lives in: nothing once the disk could not read the file.
  mutable Guarded<std::optional<Fingerprint>> verified_;
};

}  // namespace digestfs::cache
