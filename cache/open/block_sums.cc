// SPDX-License-Identifier: Apache-2.0
#include "cache/open/block_sums.h"

#include <utility>

#include "base/file.h"
#include "base/text.h"

namespace digestfs::cache {
namespace {

constexpr std::string_view kWhat = "digestfs sums ";
constexpr std::string_view kVersion = "1 ";

/// Returns how the file of an object begins, whatever its size.
std::string begin_of(const Digest& object) { return str_cat(kWhat, kVersion, object, " "); }

/// Returns the line that the file of an object begins with.
std::string first_line(const Digest& object, std::uint64_t size) {
  return str_cat(begin_of(object), size, "\n");
}

/// Returns true if `text` begins as another version of this program may have written it.
bool is_of_another_version(std::string_view text) {
  if (!text.starts_with(kWhat)) return false;
  const std::string_view version = text.substr(kWhat.size());
  const std::size_t digits = std::min(version.find_first_not_of("0123456789"), version.size());
  return digits > 0 && version.substr(digits).starts_with(' ') && !version.starts_with(kVersion);
}

LastingSum::Value sum_at(std::string_view text, std::size_t at) {
  LastingSum::Value sum{};
  std::ranges::copy(as_bytes(text.substr(at, LastingSum::kBytes)), sum.begin());
  return sum;
}

}  // namespace

std::optional<BlockSums> BlockSums::parse(std::string_view text, const Digest& object,
                                          std::uint64_t size) {
  if (size > kMaxText / LastingSum::kBytes * kBlock) return std::nullopt;
  const auto blocks = static_cast<std::size_t>(size / kBlock + (size % kBlock == 0 ? 0 : 1));
  const std::string begin = first_line(object, size);
  const std::size_t end = begin.size() + blocks * LastingSum::kBytes;
  if (text.size() != end + LastingSum::kBytes || !text.starts_with(begin)) return std::nullopt;
  if (LastingSum::of(as_bytes(text.substr(0, end))) != sum_at(text, end)) return std::nullopt;
  std::vector<LastingSum::Value> sums;
  sums.reserve(blocks);
  for (std::size_t at = begin.size(); at < end; at += LastingSum::kBytes) {
    sums.push_back(sum_at(text, at));
  }
  return BlockSums(size, std::move(sums));
}

bool BlockSums::is_damaged(std::string_view text, const Digest& object) {
  if (text.size() < LastingSum::kBytes) return true;
  const std::size_t end = text.size() - LastingSum::kBytes;
  if (LastingSum::of(as_bytes(text.substr(0, end))) != sum_at(text, end)) return true;
  return !text.starts_with(begin_of(object)) && !is_of_another_version(text);
}

std::string BlockSums::text(const Digest& object) const {
  std::string text = first_line(object, size_);
  for (const LastingSum::Value& sum : sums_) text += as_text(sum);
  text += as_text(LastingSum::of(as_bytes(text)));
  return text;
}

void BlockSummer::update(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const std::uint64_t missing = BlockSums::kBlock - size_ % BlockSums::kBlock;
    const auto piece =
        bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(missing, bytes.size())));
    sum_.update(piece);
    size_ += piece.size();
    bytes = bytes.subspan(piece.size());
    if (size_ % BlockSums::kBlock != 0) continue;
    sums_.push_back(sum_.value());
    sum_.reset();
  }
}

BlockSums BlockSummer::finish() {
  if (size_ % BlockSums::kBlock != 0) sums_.push_back(sum_.value());
  return {size_, std::move(sums_)};
}

}  // namespace digestfs::cache
