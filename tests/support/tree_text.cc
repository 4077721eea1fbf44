// SPDX-License-Identifier: Apache-2.0
#include "tests/support/tree_text.h"

#include <cstdio>
#include <map>

#include <sys/sysmacros.h>

#include "base/text.h"
#include "fs/tree/file_tree_builder.h"

namespace digestfs::test {
namespace {

using fs::FileRecord;
using fs::FileTree;
using fs::FileType;

class Writer {
 public:
  explicit Writer(const FileTree& tree) : tree_(tree) {}

  void write(FileTree::Index index, const std::string& path) {
    const FileRecord& file = tree_.file(index);
    if (file.type == FileType::directory) {
      lines.push_back(str_cat(file.implicit ? "(d " : "d ", owner(file), " ",
                              path.empty() ? "." : fs::printable(path)));
      for (const auto& name : tree_.entries(index)) {
        write(name.file, str_cat(path, path.empty() ? "" : "/", tree_.text(name)));
      }
      return;
    }
    const auto [at, first] = names_.try_emplace(index, path);
    lines.push_back(first ? line(file, fs::printable(path))
                          : str_cat("= ", fs::printable(path), " ", fs::printable(at->second)));
  }

  std::vector<std::string> lines;

 private:
  static std::string owner(const FileRecord& file) {
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(file.mode));
    return str_cat(mode, " ", file.uid, ":", file.gid);
  }

  [[nodiscard]] std::string line(const FileRecord& file, const std::string& path) const {
    const auto device = [&] { return str_cat(major(file.where), ",", minor(file.where), " "); };
    if (!tree_.extras(file).defect.empty()) return "! " + path;
    switch (file.type) {
      case FileType::symlink:
        return str_cat("l ", path, " -> ", fs::printable(tree_.link_target(file)));
      case FileType::character_device:
        return str_cat("c ", owner(file), " ", device(), path);
      case FileType::block_device:
        return str_cat("b ", owner(file), " ", device(), path);
      case FileType::fifo:
        return str_cat("p ", owner(file), " ", path);
      default:
        return str_cat("f ", owner(file), " ", file.size, "@", file.where, " ", path);
    }
  }

  const FileTree& tree_;
  std::map<FileTree::Index, std::string> names_;
};

}  // namespace

std::vector<std::string> tree_text(const FileTree& tree) {
  Writer writer(tree);
  writer.write(FileTree::kRoot, "");
  return std::move(writer.lines);
}

}  // namespace digestfs::test
