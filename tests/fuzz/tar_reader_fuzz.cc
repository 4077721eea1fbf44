// SPDX-License-Identifier: Apache-2.0
// A tar of foreign bytes is read or refused, and how it is cut into pieces on its way does not
// matter. What is made of its entries holds together, whatever they say.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <span>
#include <string>
#include <vector>

#include "archive/tar_reader.h"
#include "base/error.h"
#include "base/text.h"
#include "fs/tree/layer_builder.h"
#include "fs/tree/rootfs_builder.h"

namespace {

using namespace digestfs;

constexpr fs::FileTreeBuilder::Limits kLimits{.files = 10000, .link_steps = 100000};

/// Hands entries on to a builder, and writes down what they are.
class Watch final : public archive::TarSink {
 public:
  explicit Watch(archive::TarSink& next) : next_(next) {}

  void take(archive::TarEntry entry) override {
    check(entry);
    seen += str_cat(entry.flag, entry.name, '\0', entry.link, '\0', entry.size, ' ', entry.offset,
                    ' ', entry.modified.seconds, '.', entry.modified.nanoseconds, ' ',
                    entry.xattrs.size(), ' ', entry.runs.size(), entry.defect, '\n');
    next_.take(std::move(entry));
  }

  std::string seen;

 private:
  static void check(const archive::TarEntry& entry) {
    if (entry.modified.nanoseconds >= 1'000'000'000) std::abort();
    if (!entry.sparse || !entry.defect.empty()) return;
    std::uint64_t end = 0;
    for (const archive::SparseRun& run : entry.runs) {
      if (run.offset < end || run.end() < run.offset || run.end() > entry.size) std::abort();
      end = run.end();
    }
  }

  archive::TarSink& next_;
};

/// Every file is reached, every name leads somewhere, and links are as many as there are names.
void check(const fs::FileTree& tree) {
  std::vector<std::uint32_t> names(tree.files().size());
  std::vector<fs::FileTree::Index> open{fs::FileTree::kRoot};
  std::size_t directories = 1;
  while (!open.empty()) {
    const auto at = open.back();
    open.pop_back();
    std::string_view last;
    for (const auto& entry : tree.entries(at)) {
      const auto name = tree.text(entry);
      if (name.empty() || name == "." || name == ".." || name.size() > 255 ||
          name.find('/') != std::string_view::npos || name.find('\0') != std::string_view::npos ||
          name <= last || tree.find(at, name) != entry.file) {
        std::abort();
      }
      last = name;
      ++names[entry.file];
      if (tree.file(entry.file).type != fs::FileType::directory) continue;
      if (++directories > tree.files().size()) std::abort();  // a circle
      open.push_back(entry.file);
    }
  }
  for (fs::FileTree::Index i = 1; i < tree.files().size(); ++i) {
    const fs::FileRecord& file = tree.file(i);
    const bool is_directory = file.type == fs::FileType::directory;
    if (names[i] != (is_directory ? 1 : file.links)) std::abort();
  }
}

struct Outcome {
  std::string seen;
  std::string end;
};

Outcome read(std::span<const std::byte> tar, std::size_t step) {
  fs::LayerBuilder builder(kLimits);
  Watch watch(builder);
  archive::TarReader reader(watch);
  Outcome outcome;
  try {
    while (!tar.empty()) {
      const auto piece = tar.first(std::min(step, tar.size()));
      reader.write(piece);
      tar = tar.subspan(piece.size());
    }
    reader.finish();
    const fs::FileTree tree = builder.finish();
    check(tree);
    fs::RootfsBuilder merged(kLimits);
    merged.apply(tree);
    merged.apply(tree);
    check(merged.finish(fs::AbsoluteLinks::transform));
    outcome.end = "whole";
  } catch (const Error& error) {
    outcome.end = error.what();
  }
  outcome.seen = std::move(watch.seen);
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto tar = std::as_bytes(std::span(data, size));
  const Outcome whole = read(tar, size + 1);
  const Outcome pieces = read(tar, 1 + size % 1021);
  if (whole.seen != pieces.seen || (whole.end == "whole") != (pieces.end == "whole")) std::abort();
  return 0;
}
