// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"

namespace digestfs::test {

/// How many bytes of `bytes`, in whole pages, take memory of this process.
inline std::size_t resident(std::span<const std::byte> bytes) {
  constexpr std::uint64_t kIsPresent = std::uint64_t{1} << 63U;
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uint64_t first = (begin + page - 1) / page;
  const std::uint64_t end = (begin + bytes.size()) / page;
  const UniqueFd map = open_file(AT_FDCWD, "/proc/self/pagemap", O_RDONLY);
  std::vector<std::uint64_t> entries(static_cast<std::size_t>(end - first));
  const auto size = entries.size() * sizeof(std::uint64_t);
  EXPECT_EQ(
      read_at(map.get(), std::as_writable_bytes(std::span(entries)), first * sizeof(std::uint64_t)),
      size);
  std::size_t present = 0;
  for (const std::uint64_t entry : entries) present += (entry & kIsPresent) != 0 ? 1U : 0U;
  return present * static_cast<std::size_t>(page);
}

}  // namespace digestfs::test
