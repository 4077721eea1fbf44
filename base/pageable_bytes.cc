// SPDX-License-Identifier: Apache-2.0
#include "base/pageable_bytes.h"

#include <cerrno>
#include <new>

#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

namespace digestfs {

PageableBytes::PageableBytes(std::size_t size) {
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  bytes_ = {static_cast<std::byte*>(memory), size};
}

PageableBytes::~PageableBytes() { ::munmap(bytes_.data(), bytes_.size()); }

void PageableBytes::move_to(const UniqueFd& file) {
  // No hole may be left: to read it would need room on the disk.
  write_all_at(file.get(), bytes_, 0);
  // What the disk refuses it must refuse now, while the bytes are in memory.
  if (::fdatasync(file.get()) != 0) throw_system_error("write out bytes that nobody reads");
  void* pages = ::mmap(nullptr, bytes_.size(), PROT_READ, MAP_SHARED, file.get(), 0);
  if (pages == MAP_FAILED) throw_system_error("map bytes that nobody reads");
  // In one step for those who read: a page fault waits until the new pages are in their place.
  if (::mremap(pages, bytes_.size(), bytes_.size(), MREMAP_MAYMOVE | MREMAP_FIXED, bytes_.data()) ==
      MAP_FAILED) {
    const int cause = errno;
    ::munmap(pages, bytes_.size());
    errno = cause;
    throw_system_error("map bytes that nobody reads");
  }
  are_in_file_ = true;
}

void PageableBytes::let_go() const noexcept {
  // Of memory that is no file's this would clear the bytes.
  if (are_in_file_) ::madvise(bytes_.data(), bytes_.size(), MADV_DONTNEED);
}

}  // namespace digestfs
