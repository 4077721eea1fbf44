// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>

#include "base/guarded.h"
#include "fs/node.h"

namespace digestfs::fs {

/// The open files that the kernel has handles of. Files that the kernel has not released when the
/// mount ends are closed with this object. Safe for concurrent use.
class OpenFiles {
 public:
  /// Shared, because a read that still waits outlives the release.
  using File = std::shared_ptr<OpenFile>;

  /// Keeps `file` until it is released; returns its handle.
  [[nodiscard]] std::uint64_t keep(File file) {
    auto kept = std::make_unique<File>(std::move(file));
    const auto handle = reinterpret_cast<std::uint64_t>(kept.get());
    files_.lock()->emplace(handle, std::move(kept));
    return handle;
  }

  /// Returns the file of a handle that was not released yet. Takes no lock.
  [[nodiscard]] static File at(std::uint64_t handle) { return *reinterpret_cast<File*>(handle); }

  void release(std::uint64_t handle) {
    // Closed when the lock is gone: that may take a while.
    const auto released = files_.lock()->extract(handle);
  }

 private:
  Guarded<std::unordered_map<std::uint64_t, std::unique_ptr<File>>> files_;
};

}  // namespace digestfs::fs
