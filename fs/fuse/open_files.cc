// SPDX-License-Identifier: Apache-2.0
#include "fs/fuse/open_files.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace digestfs::fs {
namespace {

// Enough for readers of many layers at once; each keeps one descriptor.
constexpr std::size_t kMaxLingering = 64;
// The size of what the kernel reads in one go, in bytes. For a larger file it does not matter what
// it costs to open it.
constexpr std::uint64_t kSmallFile = std::uint64_t{128} << 10U;

}  // namespace

OpenFiles::OpenFiles(std::chrono::milliseconds moment)
    : closing_([this, moment](const std::stop_token& stop) { close_unused(moment, stop); }) {
  lingering_.lock()->reserve(kMaxLingering);
}

std::uint64_t OpenFiles::keep(Opened opened) {
  Slot& slot = slots_.take();
  slot.value = {std::move(opened), Way::ask};
  return reinterpret_cast<std::uint64_t>(&slot);
}

void OpenFiles::release(std::uint64_t handle) noexcept {
  Slot& slot = handed_out(handle);
  // Closed here: that may take a while.
  std::shared_ptr<OpenFile> file = std::move(slot.value.opened.file);
  const bool is_small = slot.value.opened.part.size <= kSmallFile;
  slots_.give_back(slot);
  if (is_small) linger(std::move(file));
}

void OpenFiles::linger(std::shared_ptr<OpenFile> file) noexcept {
  OpenFile::Lingering* const marks = file->lingering();
  if (marks == nullptr) return;
  // Written only if that changes something, so that readers do not disturb each other.
  if (!marks->was_used) marks->was_used = true;
  if (marks->is_kept || marks->is_kept.exchange(true)) return;
  bool is_first = false;
  {
    const auto lingering = lingering_.lock();
    is_first = lingering->empty();
    // What finds no room is closed now.
    if (lingering->size() == kMaxLingering) {
      marks->is_kept = false;
      return;
    }
    lingering->push_back(std::move(file));
  }
  if (is_first) one_lingers_.notify_one();
}

void OpenFiles::close_unused(std::chrono::milliseconds moment, const std::stop_token& stop) {
  const auto never = [] { return false; };
  const auto is_unused = [](const std::shared_ptr<OpenFile>& file) {
    OpenFile::Lingering& marks = *file->lingering();
    if (marks.was_used.exchange(false)) return false;
    marks.is_kept = false;
    return true;
  };
  std::vector<std::shared_ptr<OpenFile>> closed;
  closed.reserve(kMaxLingering);
  while (!stop.stop_requested()) {
    {
      auto lingering = lingering_.lock();
      if (!one_lingers_.wait(lingering.native(), stop, [&] { return !lingering->empty(); })) return;
      one_lingers_.wait_for(lingering.native(), stop, moment, never);
      const auto unused = std::partition(lingering->begin(), lingering->end(),
                                         [&](const auto& file) { return !is_unused(file); });
      std::move(unused, lingering->end(), std::back_inserter(closed));
      lingering->erase(unused, lingering->end());
    }
    closed.clear();
  }
}

}  // namespace digestfs::fs
