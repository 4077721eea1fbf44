// SPDX-License-Identifier: Apache-2.0
#include "tests/support/tar_builder.h"

#include <cstdio>

namespace digestfs::test {
namespace {

std::string octal(std::uint64_t value, int digits) {
  std::string text(static_cast<std::size_t>(digits) + 1, '\0');
  std::snprintf(text.data(), text.size(), "%0*llo", digits, static_cast<unsigned long long>(value));
  return text;
}

}  // namespace

TarBlockBuilder::TarBlockBuilder(std::string_view name, char type, std::uint64_t size)
    : block_(512, '\0') {
  put(0, name.substr(0, 100));
  put(100, octal(0644, 7));
  put(108, octal(0, 7));
  put(116, octal(0, 7));
  put(124, octal(size, 11));
  put(136, octal(1700000000, 11));
  put(156, std::string_view(&type, 1));
  put(257, std::string_view("ustar\00000", 8));
}

TarBlockBuilder& TarBlockBuilder::put(std::size_t offset, std::string_view bytes) {
  block_.replace(offset, bytes.size(), bytes);
  return *this;
}

TarBlockBuilder& TarBlockBuilder::base256(std::size_t offset, std::size_t width,
                                          std::int64_t value) {
  auto rest = static_cast<std::uint64_t>(value);
  for (std::size_t i = width; i-- > 0;) {
    block_[offset + i] = static_cast<char>(rest & 0xffU);
    rest >>= 8U;
    if (value < 0) rest |= std::uint64_t{0xff} << 56U;
  }
  block_[offset] = static_cast<char>(static_cast<unsigned char>(block_[offset]) | 0x80U);
  return *this;
}

std::string TarBlockBuilder::with_checksum(unsigned off) const {
  std::string block = block_;
  block.replace(148, 8, "        ");
  unsigned sum = off;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  block.replace(148, 7, octal(sum, 6));
  return block;
}

std::string TarBlockBuilder::block() const { return with_checksum(0); }

std::string TarBlockBuilder::broken() const { return with_checksum(1); }

std::string padded(std::string_view content) {
  std::string blocks(content);
  blocks.resize((content.size() + 511) / 512 * 512);
  return blocks;
}

std::string tar_file(std::string_view name, std::string_view content) {
  return TarBlockBuilder(name, '0', content.size()).block() + padded(content);
}

std::string pax_header(const std::vector<std::pair<std::string, std::string>>& records, char type) {
  std::string text;
  for (const auto& [key, value] : records) {
    const std::string rest = " " + key + "=" + value + "\n";
    std::size_t length = rest.size();
    while (std::to_string(length).size() + rest.size() != length) {
      length = std::to_string(length).size() + rest.size();
    }
    text += std::to_string(length) + rest;
  }
  return TarBlockBuilder("pax", type, text.size()).block() + padded(text);
}

std::string gnu_long(char type, std::string_view text) {
  const std::string payload = std::string(text) + '\0';
  return TarBlockBuilder("././@LongLink", type, payload.size()).gnu().block() + padded(payload);
}

std::string tar_end() { return std::string(1024, '\0'); }

}  // namespace digestfs::test
