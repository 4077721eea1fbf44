// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "archive/tar_header.h"

namespace digestfs::fs {

/// Which bytes of something larger a file has, such as those of its layer's tar. By default it has
/// all of them.
struct Part {
  std::uint64_t begin = 0;
  std::uint64_t size = std::numeric_limits<std::uint64_t>::max();  ///< of the file, with its holes
  /// Of a sparse file, what is stored of it, one after the other from `begin` on; null for any
  /// other file. It lives as long as the mount.
  const std::vector<archive::SparseRun>* runs = nullptr;

  /// Fills `buffer` with the bytes of the file from `offset` on, zeros where it has holes, and
  /// returns how many there are: fewer than fit only at the end. `read_whole(buffer, offset)` does
  /// the same with the bytes of the whole.
  template <class ReadWhole>
  [[nodiscard]] std::size_t read(const ReadWhole& read_whole, std::span<std::byte> buffer,
                                 std::uint64_t offset) const {
    if (offset >= size) return 0;
    const auto wanted = buffer.first(
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size - offset)));
    if (runs == nullptr) return read_whole(wanted, begin + offset);
    std::ranges::fill(wanted, std::byte{0});
    std::uint64_t stored = begin;
    for (const archive::SparseRun& run : *runs) {
      if (run.offset >= offset + wanted.size()) break;
      const std::uint64_t from = std::max(run.offset, offset);
      const std::uint64_t to = std::min(run.end(), offset + wanted.size());
      if (from < to) {
        read_whole(wanted.subspan(static_cast<std::size_t>(from - offset),
                                  static_cast<std::size_t>(to - from)),
                   stored + (from - run.offset));
      }
      stored += run.length;
    }
    return wanted.size();
  }
};

}  // namespace digestfs::fs
