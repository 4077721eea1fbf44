// SPDX-License-Identifier: Apache-2.0
#include "base/crc64.h"

#include <array>

namespace digestfs {
namespace {

constexpr std::uint64_t kPolynomial = 0xd800000000000000;  // bits reversed
constexpr std::size_t kSlices = 8;

using Table = std::array<std::uint64_t, 256>;

/// Table `s` takes a byte that `s` further bytes follow, so that eight bytes cost eight look-ups
/// which do not wait for each other.
constexpr std::array<Table, kSlices> make_tables() {
  std::array<Table, kSlices> tables{};
  for (std::size_t byte = 0; byte < 256; ++byte) {
    std::uint64_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t slice = 1; slice < kSlices; ++slice) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint64_t crc = tables[slice - 1][byte];
      tables[slice][byte] = tables[0][crc & 0xffU] ^ (crc >> 8U);
    }
  }
  return tables;
}

constexpr std::array<Table, kSlices> kTables = make_tables();

}  // namespace

void Crc64::update(std::span<const std::byte> bytes) noexcept {
  std::uint64_t crc = state_;
  while (bytes.size() >= kSlices) {
    for (std::size_t i = 0; i < kSlices; ++i) {
      crc ^= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
    }
    std::uint64_t next = 0;
    for (std::size_t i = 0; i < kSlices; ++i) {
      next ^= kTables[kSlices - 1 - i][(crc >> (8 * i)) & 0xffU];
    }
    crc = next;
    bytes = bytes.subspan(kSlices);
  }
  for (const std::byte byte : bytes) {
    crc = kTables[0][(crc ^ std::to_integer<std::uint64_t>(byte)) & 0xffU] ^ (crc >> 8U);
  }
  state_ = crc;
}

}  // namespace digestfs
