// SPDX-License-Identifier: Apache-2.0
#include "base/pageable_bytes.h"

#include <new>
#include <system_error>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace digestfs {
namespace {

/// Pages of memory, or of a file, on their way to the place of others.
class Pages {
 public:
  Pages(std::size_t size, int protection, int flags, int file)
      : memory_(::mmap(nullptr, size, protection, flags, file, 0)), size_(size) {
    if (memory_ == MAP_FAILED) throw_system_error("map bytes that can be moved out");
  }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  ~Pages() {
    if (memory_ != nullptr) ::munmap(memory_, size_);
  }

  [[nodiscard]] std::span<std::byte> bytes() const noexcept {
    return {static_cast<std::byte*>(memory_), size_};
  }

  /// Puts these in the place of as many pages at `place`. In one step for those who read there: a
  /// page fault waits until the new pages are in their place.
  void move_over(std::byte* place) {
    if (::mremap(memory_, size_, size_, MREMAP_MAYMOVE | MREMAP_FIXED, place) == MAP_FAILED) {
      throw_system_error("move bytes to their place");
    }
    memory_ = nullptr;
  }

 private:
  void* memory_;
  std::size_t size_;
};

QuickSum::Value sum_of(std::span<const std::byte> bytes) {
  QuickSum sum;
  sum.update(bytes);
  return sum.value();
}

[[noreturn]] void fail_to_bring_back(std::string_view cause) {
  throw Error(Errc::corrupt, str_cat("cannot bring back what was moved to the disk: ", cause));
}

}  // namespace

PageableBytes::PageableBytes(std::size_t size) {
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  bytes_ = {static_cast<std::byte*>(memory), size};
}

PageableBytes::~PageableBytes() { ::munmap(bytes_.data(), bytes_.size()); }

void PageableBytes::end_idleness() {
  unsigned idle = idle_.load(std::memory_order_acquire);
  while (idle != kOut) {
    if (idle_.compare_exchange_weak(idle, 0, std::memory_order_acq_rel)) return;
  }
  const std::scoped_lock lock(mutex_);
  if (!are_out()) return;  // another reader was faster
  if (failure_) std::rethrow_exception(failure_);
  try {
    bring_back();
  } catch (const Error&) {
    failure_ = std::current_exception();
    throw;
  }
  idle_.store(0, std::memory_order_release);
}

void PageableBytes::bring_back() {
  Pages pages(bytes_.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  std::size_t got = 0;
  try {
    // Not through the mapping, where a disk that cannot be read ends the process by SIGBUS.
    got = read_at(file_.get(), pages.bytes(), 0);
  } catch (const std::system_error& error) {
    fail_to_bring_back(error.what());
  }
  if (got != bytes_.size()) fail_to_bring_back("its file is too short");
  if (sum_of(pages.bytes()) != sum_) fail_to_bring_back("its file has other bytes");
  pages.move_over(bytes_.data());
}

void PageableBytes::tidy(unsigned rounds, const MakeFile& make_file) {
  unsigned idle = idle_;
  if (idle == kOut) {
    // A reader that holds the lock is about to try again anyway.
    if (const std::unique_lock lock(mutex_, std::try_to_lock); lock) failure_ = nullptr;
    return;
  }
  if (idle + 1 < rounds) {
    // Where this fails, a reader has come meanwhile.
    idle_.compare_exchange_strong(idle, idle + 1);
    return;
  }
  try {
    move_out(idle, make_file);
  } catch (...) {
    idle_ = 0;
    throw;
  }
}

void PageableBytes::move_out(unsigned idle, const MakeFile& make_file) {
  UniqueFd written;
  if (!file_) written = write_out(make_file(bytes_.size()));
  Pages pages(bytes_.size(), PROT_READ, MAP_SHARED, file_ ? file_.get() : written.get());
  if (written) file_ = std::move(written);
  const std::scoped_lock lock(mutex_);
  // From here on a reader who comes waits for the lock, and then brings the bytes back.
  if (!idle_.compare_exchange_strong(idle, kOut)) return;  // somebody reads them again
  pages.move_over(bytes_.data());
}

/// Writes the bytes to `file`, and returns it.
UniqueFd PageableBytes::write_out(UniqueFd file) {
  // No hole may be left: to read it would need room on the disk.
  write_all_at(file.get(), bytes_, 0);
  // What the disk refuses it must refuse now, while the bytes are in memory.
  if (::fdatasync(file.get()) != 0) throw_system_error("write out bytes that nobody reads");
  sum_ = sum_of(bytes_);
  return file;
}

}  // namespace digestfs
