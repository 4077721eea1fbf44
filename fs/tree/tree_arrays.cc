// SPDX-License-Identifier: Apache-2.0
#include "fs/tree/tree_arrays.h"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace digestfs::fs {
namespace {

// The arrays follow one another without a gap.
static_assert(sizeof(FileRecord) % alignof(NameRecord) == 0);

std::uint64_t bytes_of(std::size_t files, std::size_t names, std::size_t texts) {
  return std::uint64_t{files} * sizeof(FileRecord) + std::uint64_t{names} * sizeof(NameRecord) +
         texts;
}

/// Returns the first `count` elements of `rest`, which is what comes behind them afterwards.
template <class T>
std::span<T> first_of(std::span<std::byte>& rest, std::size_t count) {
  static_assert(std::is_trivially_copyable_v<T>);
  const std::span<T> first(reinterpret_cast<T*>(rest.data()), count);
  rest = rest.subspan(first.size_bytes());
  return first;
}

/// Copies `items`, and frees them: no two copies of all arrays are in memory at once.
template <class T>
void move_into(std::span<T> array, std::vector<T> items) {
  std::ranges::copy(items, array.begin());
}

}  // namespace

TreeArrays::TreeArrays(std::size_t files, std::size_t names, std::size_t texts) {
  const std::uint64_t bytes = bytes_of(files, names, texts);
  if (bytes < kLeastPageable) {
    take(
        {std::vector<FileRecord>(files), std::vector<NameRecord>(names), std::string(texts, '\0')});
    return;
  }
  large_ = std::make_unique<PageableBytes>(static_cast<std::size_t>(bytes));
  auto rest = large_->to_fill();
  files_ = first_of<FileRecord>(rest, files);
  names_ = first_of<NameRecord>(rest, names);
  texts_ = first_of<char>(rest, texts);
}

TreeArrays::TreeArrays(std::vector<FileRecord> files, std::vector<NameRecord> names,
                       std::string texts) {
  if (bytes_of(files.size(), names.size(), texts.size()) < kLeastPageable) {
    take({std::move(files), std::move(names), std::move(texts)});
    return;
  }
  *this = TreeArrays(files.size(), names.size(), texts.size());
  move_into(files_, std::move(files));
  move_into(names_, std::move(names));
  std::ranges::copy(texts, texts_.begin());
}

void TreeArrays::take(Small small) {
  small_ = std::make_unique<Small>(std::move(small));
  files_ = small_->files;
  names_ = small_->names;
  texts_ = small_->texts;
}

std::span<std::byte> TreeArrays::files_to_fill() noexcept { return std::as_writable_bytes(files_); }

std::span<std::byte> TreeArrays::names_to_fill() noexcept { return std::as_writable_bytes(names_); }

std::span<std::byte> TreeArrays::texts_to_fill() noexcept { return std::as_writable_bytes(texts_); }

std::uint64_t TreeArrays::bytes() const noexcept {
  return bytes_of(files_.size(), names_.size(), texts_.size());
}

}  // namespace digestfs::fs
