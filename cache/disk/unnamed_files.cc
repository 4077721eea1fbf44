// SPDX-License-Identifier: Apache-2.0
#include "cache/disk/unnamed_files.h"

namespace digestfs::cache {

UnnamedFiles::Waiting UnnamedFiles::join() {
  const auto counts = counts_.lock();
  if (counts->waiting >= kMost) return nullptr;
  ++counts->waiting;
  return Waiting(this);
}

void UnnamedFiles::leave() noexcept {
  {
    const auto counts = counts_.lock();
    --counts->waiting;
    ++counts->ended;
  }
  has_ended_.notify_all();
}

UnnamedFiles::Counts UnnamedFiles::counts() const { return *counts_.lock(); }

bool UnnamedFiles::await_end(std::uint64_t before) const {
  auto counts = counts_.lock();
  has_ended_.wait(counts.native(), [&] { return counts->ended > before || counts->waiting == 0; });
  return counts->ended > before;
}

}  // namespace digestfs::cache
