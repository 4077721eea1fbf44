// SPDX-License-Identifier: Apache-2.0
// A kept tree is refused, or is one that can be walked, merged, shown and kept again, whatever its
// sum says. The input is such a file without the sum at its end, and without the version of the
// program, so that the corpus outlives a release.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <sys/mman.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/handle.h"
#include "base/lasting_sum.h"
#include "fs/tree/kept_tree.h"
#include "fs/tree/rootfs_builder.h"
#include "fs/tree/tree_check.h"
#include "tests/fuzz/require.h"
#include "tests/support/tree_text.h"

namespace {

using namespace digestfs;

// What the trees of the corpus are of.
constexpr std::uint64_t kTarSize = std::uint64_t{1} << 20U;

// Where the version of the program stands, and how many bytes it has.
constexpr std::size_t kProgramAt = 16;
constexpr std::size_t kProgramSize = 32;

class TextSink final : public ByteSink {
 public:
  void write(std::span<const std::byte> bytes) override { text += as_text(bytes); }
  std::string text;
};

/// Returns the version of the program, as it stands in the file of a kept tree.
std::string program() {
  TextSink sink;
  fs::write_kept_tree(sink, digest_of(""), 0, fs::FileTree({fs::FileRecord{}}, {}, "", {}), {});
  return sink.text.substr(kProgramAt, kProgramSize);
}

std::optional<fs::KeptTree> read(int file, const Digest& diff) {
  try {
    return fs::read_kept_tree(file, diff, kTarSize);
  } catch (const Error& error) {
    require(error.code() == Errc::corrupt);
    return std::nullopt;
  }
}

void merge(const fs::FileTree& tree) {
  fs::RootfsBuilder rootfs;
  try {
    rootfs.apply(tree);
    rootfs.apply(tree);
    static_cast<void>(test::tree_text(rootfs.finish(fs::AbsoluteLinks::transform)));
  } catch (const Error& error) {
    require(error.code() == Errc::too_large);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string kProgram = program();
  std::string text(as_text(std::as_bytes(std::span(data, size))));
  text.insert(std::min(kProgramAt, size), kProgram);
  const auto bytes = as_bytes(text);
  const UniqueFd file(::memfd_create("kept tree", MFD_CLOEXEC));
  write_all(file.get(), bytes);
  write_all(file.get(), LastingSum::of(bytes));
  const Digest diff = digest_of("");
  const auto kept = read(file.get(), diff);
  if (!kept) return 0;
  const fs::FileTree& tree = kept->tree;
  require(fs::is_sound(tree, kTarSize));
  for (const fs::FileRecord& record : tree.files()) {
    require(tree.extras(record).xattrs.size() <= size);
    if (record.type == fs::FileType::symlink) require(!tree.link_target(record).empty());
  }
  static_cast<void>(test::tree_text(tree));
  merge(tree);
  TextSink again;
  fs::write_kept_tree(again, diff, kTarSize, tree, kept->findings);
  require(again.text.size() == text.size() + LastingSum::kBytes);
  return 0;
}
