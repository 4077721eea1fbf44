// SPDX-License-Identifier: Apache-2.0
#include "tests/support/costs.h"

#include <cstdlib>
#include <new>

#include <dlfcn.h>
#include <pthread.h>

namespace digestfs::test {
namespace {

thread_local constinit Costs costs;
// How many more allocations of this thread succeed; negative if all do.
thread_local constinit int allocations_left = -1;

/// Returns null if there is no memory, or if the allocation was told to fail.
void* allocate(std::size_t size) noexcept {
  ++costs.allocations;
  if (allocations_left >= 0 && allocations_left-- == 0) return nullptr;
  return std::malloc(size == 0 ? 1 : size);
}

}  // namespace

Costs Costs::so_far() noexcept { return costs; }

void fail_allocation_after(int count) noexcept { allocations_left = count; }

}  // namespace digestfs::test

// These take the place of the libraries' own in the whole program. The allocator is malloc, as it
// is without this.

void* operator new(std::size_t size) {
  if (void* const memory = digestfs::test::allocate(size)) return memory;
  throw std::bad_alloc();
}

void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  return digestfs::test::allocate(size);
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t& /*tag*/) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }

// GCC has one word for it, and clang another.
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__
#endif
#endif

#ifdef __SANITIZE_THREAD__

bool digestfs::test::Costs::are_locks_counted() noexcept { return false; }

#else

bool digestfs::test::Costs::are_locks_counted() noexcept { return true; }

extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  using Lock = int (*)(pthread_mutex_t*);
  static const auto lock = reinterpret_cast<Lock>(::dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  ++digestfs::test::costs.locks;
  return lock(mutex);
}

#endif
