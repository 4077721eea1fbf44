// SPDX-License-Identifier: Apache-2.0
#include "fs/fuse/open_files.h"

#include <utility>

namespace digestfs::fs {
namespace {

// Enough for readers of many layers at once; each keeps one descriptor at most.
constexpr std::size_t kMaxLingering = 64;

}  // namespace

OpenFiles::OpenFiles(std::chrono::milliseconds moment)
    : closing_([this, moment](const std::stop_token& stop) { close_old(moment, stop); }) {
  const auto lingering = lingering_.lock();
  lingering->younger.reserve(kMaxLingering);
  lingering->older.reserve(kMaxLingering);
}

std::uint64_t OpenFiles::keep(File file, Ending ending) {
  const auto slab = slab_.lock();
  if (slab->unused.empty()) {
    const std::size_t needed = slab->all.size() + 1;
    // Room for all of them, since a release must not fail.
    if (slab->unused.capacity() < needed) slab->unused.reserve(2 * needed);
    slab->unused.push_back(&slab->all.emplace_back());
  }
  Opened* const opened = slab->unused.back();
  slab->unused.pop_back();
  *opened = {std::move(file), Way::ask, ending};
  return reinterpret_cast<std::uint64_t>(opened);
}

void OpenFiles::release(std::uint64_t handle) noexcept {
  Opened& released = opened(handle);
  File file = std::exchange(released.file, nullptr);
  const Ending ending = released.ending;
  slab_.lock()->unused.push_back(&released);
  // Closed here, without a lock: that may take a while.
  if (ending == Ending::linger) linger(std::move(file));
}

void OpenFiles::linger(File file) noexcept {
  bool is_first = false;
  {
    const auto lingering = lingering_.lock();
    is_first = lingering->younger.empty();
    if (lingering->younger.size() < kMaxLingering) {
      lingering->younger.push_back(std::move(file));
    } else {
      file.swap(lingering->younger[lingering->next++ % kMaxLingering]);
    }
  }
  if (is_first) one_lingers_.notify_one();
}

void OpenFiles::close_old(std::chrono::milliseconds moment, const std::stop_token& stop) {
  const auto never = [] { return false; };
  std::vector<File> closed;
  closed.reserve(kMaxLingering);
  while (!stop.stop_requested()) {
    {
      auto lingering = lingering_.lock();
      const auto some = [&] { return !lingering->younger.empty() || !lingering->older.empty(); };
      if (!one_lingers_.wait(lingering.native(), stop, some)) return;
      one_lingers_.wait_for(lingering.native(), stop, moment, never);
      // Three vectors go round, and each keeps its room.
      closed.swap(lingering->older);
      lingering->older.swap(lingering->younger);
    }
    closed.clear();
  }
}

}  // namespace digestfs::fs
