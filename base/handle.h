// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

#include <unistd.h>

// Owners of the resources that C libraries and the kernel hand out.

namespace digestfs {

/// A deleter that calls a C function: `std::unique_ptr<DIR, Deleter<closedir>>`.
template <auto function>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const noexcept {
    function(pointer);
  }
};

/// The only owner of a file descriptor. Destruction closes it.
class UniqueFd {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UniqueFd() {
    if (fd_ >= 0) ::close(fd_);
  }

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

}  // namespace digestfs
