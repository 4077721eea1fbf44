// SPDX-License-Identifier: Apache-2.0
#include "base/fingerprint.h"

#include "base/error.h"
#include "base/timestamp.h"

namespace digestfs {

Fingerprint Fingerprint::of(const struct stat& status) noexcept {
  return {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
          to_nanoseconds(status.st_mtim), to_nanoseconds(status.st_ctim)};
}

Fingerprint Fingerprint::of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw_system_error("stat an open file");
  return of(status);
}

}  // namespace digestfs
