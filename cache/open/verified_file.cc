// SPDX-License-Identifier: Apache-2.0
#include "cache/open/verified_file.h"

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include "base/file.h"

namespace digestfs::cache {

VerifiedFile::VerifiedFile(Digest digest, UniqueFd file, const Fingerprint& verified,
                           Replaces replaces)
    : digest_(std::move(digest)),
      file_(std::move(file)),
      size_(verified.size),
      replaces_(replaces),
      look_(Look{.verified = verified}) {}

VerifiedFile::VerifiedFile(Digest digest, UniqueFd file, std::shared_ptr<CheckedBlocks> blocks,
                           Replaces replaces)
    : digest_(std::move(digest)),
      file_(std::move(file)),
      size_(blocks->fingerprint().size),
      replaces_(replaces),
      blocks_(std::move(blocks)),
      is_read_by_blocks_(true) {}

bool VerifiedFile::is_use_due(Clock::time_point now, Clock::duration interval) const noexcept {
  auto before = used_at_.load();
  return now >= before + interval && used_at_.compare_exchange_strong(before, now);
}

bool VerifiedFile::is_untouched() const {
  Look look;
  do {
    if (is_damaged_) return false;
    look = look_.load();
    if (look.is_still(Fingerprint::of(file_.get()))) return true;
  } while (is_outdated(look));
  return false;
}

bool VerifiedFile::is_readable() const {
  if (is_damaged_) return false;
  if (!is_read_by_blocks_) return is_untouched();
  return Fingerprint::of(file_.get()) == blocks_->fingerprint();
}

std::optional<std::size_t> VerifiedFile::read(std::span<std::byte> buffer,
                                              std::uint64_t offset) const {
  try {
    // Also of blocks that were found good: what was checked may have changed on the disk since.
    if (is_damaged_) return std::nullopt;
    if (is_read_by_blocks_.load(std::memory_order_acquire)) return read_checked(buffer, offset);
    Look look;
    do {
      // Taken before the read: if the file is changed and hashed again meanwhile, the buffer may
      // have bytes that were not hashed. The file is looked at after the read: a change that comes
      // later cannot have reached the buffer.
      look = look_.load();
      const std::size_t got = read_at(file_.get(), buffer, offset);
      if (look.is_still(Fingerprint::of(file_.get()))) return got;
    } while (is_outdated(look));
    return std::nullopt;
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::io_error) throw;
    give_up_blocks();
    look_.change([](Look& look) { look.verified.reset(); });
    return std::nullopt;
  }
}

/// Reads a file whose blocks are checked as they are read.
std::optional<std::size_t> VerifiedFile::read_checked(std::span<std::byte> buffer,
                                                      std::uint64_t offset) const {
  const std::uint64_t left = size_ - std::min(offset, size_);
  buffer = buffer.first(static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), left)));
  // Looked at after the read: a change that comes later has reached neither the buffer nor a sum.
  const bool is_good =
      read_blocks(buffer, offset) && Fingerprint::of(file_.get()) == blocks_->fingerprint();
  if (!is_good) {
    give_up_blocks();
    return std::nullopt;
  }
  if (buffer.empty()) return 0;
  const auto last = static_cast<std::size_t>((offset + buffer.size() - 1) / BlockSums::kBlock);
  for (auto block = static_cast<std::size_t>(offset / BlockSums::kBlock); block <= last; ++block) {
    if (!blocks_->is_checked(block)) blocks_->set_checked(block);
  }
  return buffer.size();
}

/// Fills `buffer`, which ends within the file. Returns false if a block that nobody has checked yet
/// does not match its sum, or if the file is shorter than it was. The bytes that it leaves in
/// `buffer` are those that were summed: the file is not read again.
bool VerifiedFile::read_blocks(std::span<std::byte> buffer, std::uint64_t offset) const {
  // One for each thread that reads; none for a reader of blocks that were checked.
  thread_local std::vector<std::byte> whole;
  while (!buffer.empty()) {
    const auto block = static_cast<std::size_t>(offset / BlockSums::kBlock);
    const std::uint64_t begin = block * BlockSums::kBlock;
    const std::size_t length = blocks_->sums().length(block);
    std::uint64_t end = begin + length;
    const bool is_checked = blocks_->is_checked(block);
    if (is_checked) {
      // All that was checked is read at once.
      for (auto next = block + 1; end < offset + buffer.size() && blocks_->is_checked(next);
           ++next) {
        end += blocks_->sums().length(next);
      }
    }
    const auto part = buffer.first(
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), end - offset)));
    if (is_checked) {
      if (read_at(file_.get(), part, offset) != part.size()) return false;
    } else if (part.size() == length) {
      if (read_at(file_.get(), part, begin) != length) return false;
      if (!blocks_->sums().matches(block, part)) return false;
    } else {
      whole.resize(static_cast<std::size_t>(BlockSums::kBlock));
      const auto bytes = std::span(whole).first(length);
      if (read_at(file_.get(), bytes, begin) != length) return false;
      if (!blocks_->sums().matches(block, bytes)) return false;
      std::ranges::copy(bytes.subspan(static_cast<std::size_t>(offset - begin), part.size()),
                        part.begin());
    }
    buffer = buffer.subspan(part.size());
    offset += part.size();
  }
  return true;
}

void VerifiedFile::give_up_blocks() const noexcept {
  is_read_by_blocks_ = false;
  if (blocks_) blocks_->give_up();
}

bool VerifiedFile::Look::is_still(const Fingerprint& now) const noexcept {
  if (!verified) return false;
  return is_being_named ? verified->has_same_content(now) : *verified == now;
}

/// Returns true if the file got its name, or was hashed, since `look` was taken: then that it does
/// not look so any longer says nothing.
bool VerifiedFile::is_outdated(const Look& look) const { return look_.load() != look; }

void VerifiedFile::begin_naming() const {
  look_.change([](Look& look) { look.is_being_named = true; });
}

void VerifiedFile::end_naming(const Fingerprint& now) const {
  look_.change([&](Look& look) {
    if (look.is_still(now)) look.verified = now;
    look.is_being_named = false;
  });
}

void VerifiedFile::set_doubtful() const {
  look_.change([](Look& look) { look = {}; });
}

void VerifiedFile::set_verified(const Fingerprint& verified) const {
  look_.change([&](Look& look) { look.verified = verified; });
  is_read_by_blocks_.store(false, std::memory_order_release);
}

}  // namespace digestfs::cache
