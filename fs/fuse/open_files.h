// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/guarded.h"
#include "base/slots.h"
#include "fs/fuse/passthrough.h"
#include "fs/node.h"

namespace digestfs::fs {

/// The open files that the kernel has handles of. Files that the kernel has not released when the
/// mount ends are closed with this object.
///
/// An open file that has the marks `OpenFile::Lingering`, which is the tar of a layer, stays open
/// for a moment after the last small file in it was released. A process that reads the files of a
/// tree opens one after the other; so their tar is opened, locked and looked at once for all of
/// them. The moment is short, because the cache cannot evict a file that is open.
///
/// To keep, find and release a file that lingers takes no lock and no memory, except for the first
/// one in a while. Safe for concurrent use.
class OpenFiles {
 public:
  /// What lingers is closed between one and two times `moment` after its last release.
  explicit OpenFiles(std::chrono::milliseconds moment = std::chrono::milliseconds(200));

  /// Keeps `opened` until it is released; returns its handle.
  [[nodiscard]] std::uint64_t keep(Opened opened);

  /// Returns the file of a handle that was not released yet.
  [[nodiscard]] static const Opened& at(std::uint64_t handle) {
    return handed_out(handle).value.opened;
  }
  /// How the kernel reads the file of a handle that was not released yet.
  [[nodiscard]] static Way& way_of(std::uint64_t handle) { return handed_out(handle).value.way; }

  void release(std::uint64_t handle) noexcept;

 private:
  struct HandedOut {
    Opened opened;
    Way way = Way::ask;
  };
  using Slot = Slots<HandedOut>::Slot;

  [[nodiscard]] static Slot& handed_out(std::uint64_t handle) {
    return *reinterpret_cast<Slot*>(handle);
  }
  void linger(std::shared_ptr<OpenFile> file) noexcept;
  void close_unused(std::chrono::milliseconds moment, const std::stop_token& stop);

  // Synchronises itself.
  Slots<HandedOut> slots_;
  // Guarded by the lock it lives in: what lingers, each once.
  Guarded<std::vector<std::shared_ptr<OpenFile>>> lingering_;
  std::condition_variable_any one_lingers_;
  // Last: it uses all of the above.
  std::jthread closing_;
};

}  // namespace digestfs::fs
