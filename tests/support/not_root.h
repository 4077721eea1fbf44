// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/fsuid.h>
#include <unistd.h>

namespace digestfs::test {

/// Makes this thread look at files as an ordinary user for as long as the object lives, also where
/// the tests run as root, who may read everything.
class NotRoot {
 public:
  NotRoot() {
    if (::geteuid() == 0) ::setfsuid(kNobody);
  }
  NotRoot(const NotRoot&) = delete;
  NotRoot& operator=(const NotRoot&) = delete;
  ~NotRoot() {
    if (::geteuid() == 0) ::setfsuid(0);
  }

 private:
  static constexpr uid_t kNobody = 65534;
};

}  // namespace digestfs::test
