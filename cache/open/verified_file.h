// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/digest.h"
#include "base/fingerprint.h"
#include "base/flight.h"
#include "base/handle.h"
#include "base/versioned.h"
#include "cache/open/checked_blocks.h"

namespace digestfs::cache {

/// An open file of the cache that gives no byte which was not checked. Either all of its content
/// was hashed and found to be `digest()`; then a fingerprint tells if the file is still the same.
/// Or its blocks are checked one by one, when they are first read, against the sums of a time when
/// all of it was hashed. The file stays readable after it was evicted. Safe for concurrent use.
class VerifiedFile {
 public:
  /// Says whether the object was in another file of the cache before, which may have been damaged.
  enum class Replaces { nothing, another };

  /// A file that was hashed, and had the fingerprint `verified` throughout.
  VerifiedFile(Digest digest, UniqueFd file, const Fingerprint& verified,
               Replaces replaces = Replaces::nothing);
  /// A file whose `blocks` are checked as they are read. It has their fingerprint.
  VerifiedFile(Digest digest, UniqueFd file, std::shared_ptr<CheckedBlocks> blocks,
               Replaces replaces = Replaces::nothing);

  [[nodiscard]] const Digest& digest() const noexcept { return digest_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] int fd() const noexcept { return file_.get(); }
  /// Returns true if what the kernel keeps of the object may have come from a damaged file.
  [[nodiscard]] bool replaces_another() const noexcept { return replaces_ == Replaces::another; }
  /// Returns true if the file was opened for its blocks to be checked as they are read, whether
  /// all of it was hashed since or not.
  [[nodiscard]] bool has_blocks() const noexcept { return blocks_ != nullptr; }

  /// Returns true once per `interval`, counted from when the file was opened: then somebody should
  /// note that the file is in use.
  [[nodiscard]] bool is_use_due(Clock::time_point now, Clock::duration interval) const noexcept;

  /// Returns true if all of the file was hashed and is not damaged, still looks as it did then, and
  /// could be read so far.
  [[nodiscard]] bool is_untouched() const;

  /// Returns true if the file may be read without being hashed first, as far as its fingerprint
  /// tells: it is not known to be damaged, and all of it was hashed, or its blocks are checked as
  /// they are read.
  [[nodiscard]] bool is_readable() const;

  /// Fills `buffer` from `offset`, with less only at the end of the file. Returns nothing if the
  /// file no longer looks as it did when it was hashed, if the disk cannot read it, or if a block
  /// does not match its sum: then the bytes prove nothing (promise 2), and all of the file has to
  /// be hashed first.
  [[nodiscard]] std::optional<std::size_t> read(std::span<std::byte> buffer,
                                                std::uint64_t offset) const;

  /// Returns true once all of the file is on the disk. Until then the disk may yet refuse it, and
  /// only `read` takes notice of that.
  [[nodiscard]] bool is_on_disk() const noexcept { return is_on_disk_; }
  /// Notes that the file is still being written to the disk.
  void begin_writing_out() const noexcept { is_on_disk_ = false; }
  void end_writing_out() const noexcept { is_on_disk_ = true; }

  /// Notes that the file is about to get its name in the cache, which changes the ctime.
  void begin_naming() const;
  /// Notes that it has got it, and the fingerprint `now` with it.
  void end_naming(const Fingerprint& now) const;
  /// Notes that it is not known any longer what is in the file: before anything more is read of it,
  /// all of it has to be hashed.
  void set_doubtful() const;

  /// Notes that the file was hashed again, had the fingerprint `verified` throughout, and is still
  /// `digest()`.
  void set_verified(const Fingerprint& verified) const;

  /// Notes that all of the file was hashed and is not `digest()`: nothing of it is read any more,
  /// and it need not be hashed again.
  void set_damaged() const noexcept { is_damaged_ = true; }
  [[nodiscard]] bool is_damaged() const noexcept { return is_damaged_; }

 private:
  [[nodiscard]] std::optional<std::size_t> read_checked(std::span<std::byte> buffer,
                                                        std::uint64_t offset) const;
  void give_up_blocks() const noexcept;
  [[nodiscard]] bool read_blocks(std::span<std::byte> buffer, std::uint64_t offset) const;

  // Constant after construction.
  Digest digest_;
  UniqueFd file_;
  std::uint64_t size_;
  Replaces replaces_;
  std::shared_ptr<CheckedBlocks> blocks_;  ///< null for a file that was hashed when it was opened
  // Synchronise themselves.
  /// False once a block did not match, the file was touched, or all of it was hashed.
  mutable std::atomic<bool> is_read_by_blocks_{false};
  mutable std::atomic<bool> is_damaged_{false};
  mutable std::atomic<bool> is_on_disk_{true};
  mutable std::atomic<Clock::time_point> used_at_{Clock::now()};
  /// What the file looked like when all of it was hashed.
  struct Look {
    std::optional<Fingerprint> verified;  ///< nothing before that, and once it could not be read
    bool is_being_named = false;

    /// Returns true if nobody but this process, which gives the name, has touched the file since.
    [[nodiscard]] bool is_still(const Fingerprint& now) const noexcept;
    bool operator==(const Look&) const = default;
  };
  [[nodiscard]] bool is_outdated(const Look& look) const;

  /// Each READ looks at it.
  mutable Versioned<Look> look_;
};

}  // namespace digestfs::cache
