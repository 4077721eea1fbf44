// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/guarded.h"
#include "fs/fuse/passthrough.h"
#include "fs/node.h"

namespace digestfs::fs {

/// The open files that the kernel has handles of. Files that the kernel has not released when the
/// mount ends are closed with this object.
///
/// A small file that is a part of a tar stays open for a moment after its release: whoever reads
/// the files of a tree opens one after the other, and the tar is opened, locked and looked at once
/// for all of them. The moment is short, because the cache cannot evict what is open.
///
/// Safe for concurrent use.
class OpenFiles {
 public:
  /// Shared, because a read that still waits outlives the release.
  using File = std::shared_ptr<OpenFile>;

  /// What becomes of a file that is released.
  enum class Ending {
    close,
    linger,  ///< It is closed after some time, between one and two times `moment`.
  };

  explicit OpenFiles(std::chrono::milliseconds moment = std::chrono::milliseconds(200));

  /// Keeps `file` until it is released; returns its handle.
  [[nodiscard]] std::uint64_t keep(File file, Ending ending = Ending::close);

  /// Returns the file of a handle that was not released yet. Takes no lock.
  [[nodiscard]] static File at(std::uint64_t handle) { return opened(handle).file; }
  /// How the kernel reads the file of a handle that was not released yet. Takes no lock.
  [[nodiscard]] static Way& way_of(std::uint64_t handle) { return opened(handle).way; }

  void release(std::uint64_t handle) noexcept;

 private:
  struct Opened {
    File file;
    Way way = Way::ask;
    Ending ending = Ending::close;
  };
  /// An element of `all` never moves, and is used again once it is released.
  struct Slab {
    std::deque<Opened> all;
    std::vector<Opened*> unused;
  };
  struct Lingering {
    std::vector<File> younger;
    std::vector<File> older;
    std::size_t next = 0;
  };

  [[nodiscard]] static Opened& opened(std::uint64_t handle) {
    return *reinterpret_cast<Opened*>(handle);
  }
  void linger(File file) noexcept;
  void close_old(std::chrono::milliseconds moment, const std::stop_token& stop);

  // Guarded by the locks they live in.
  Guarded<Slab> slab_;
  Guarded<Lingering> lingering_;
  std::condition_variable_any one_lingers_;
  // Last: it uses all of the above.
  std::jthread closing_;
};

}  // namespace digestfs::fs
