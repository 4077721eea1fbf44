// SPDX-License-Identifier: Apache-2.0
#include "tests/support/clock.h"

#include <ctime>
#include <thread>
#include <tuple>

#include <sys/stat.h>

#include "base/error.h"

namespace digestfs::test {

void await_tick(const std::filesystem::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) throw_system_error("stat " + path.native());
  timespec tick{};
  for (;;) {
    ::clock_gettime(CLOCK_REALTIME_COARSE, &tick);
    if (std::tie(tick.tv_sec, tick.tv_nsec) >
        std::tie(status.st_ctim.tv_sec, status.st_ctim.tv_nsec)) {
      return;
    }
    std::this_thread::yield();
  }
}

}  // namespace digestfs::test
