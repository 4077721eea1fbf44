// SPDX-License-Identifier: Apache-2.0

// digestfs-compare(1): how two images relate, and what differs.

#include <iostream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "tools/companions/common/program.h"
#include "tools/companions/common/progress.h"
#include "tools/companions/compare/comparison.h"
#include "tools/companions/compare/file_changes.h"
#include "tools/companions/compare/report.h"
#include "tools/companions/mount/image_directory.h"
#include "tools/exit_code.h"

namespace digestfs::companions {
namespace {

const Usage program_usage = {
    .program = "digestfs-compare",
    .summary =
        "Says how two images relate, and what differs. A and B are image directories of\n"
        "any mounts.",
    .arguments = "[options] A B",
    .options = {{"files", "also compare the files, and say which layer changed them", ""}},
    .examples = {"digestfs-compare ~/mnt/tags/v1/host ~/mnt/tags/v2/host",
                 "digestfs-compare --files ~/mnt/tags/v1/host ~/mnt/tags/v2/host",
                 "digestfs-compare ~/layout/tags/v1 ~/registry/tags/v1"}};

void refuse_index(const Subject& subject) {
  if (subject.index) {
    throw Error(Errc::unsupported, index_instead_of_image(subject.directory()));
  }
}

Answer show_comparison(const Arguments& arguments) {
  const auto& words = arguments.words();
  if (words.size() != 2) throw tools::UsageError("two images are needed, A and B");
  Progress progress(arguments.has("quiet") ? ShowProgress::no : ShowProgress::yes);
  const auto read = [&](const std::string& path) {
    progress.show(str_cat("reading ", path));
    return Subject(by_digest(find_image(path)));
  };
  const Subject a = read(words[0]);
  const Subject b = read(words[1]);
  const bool has_files = arguments.has("files");
  if (has_files) {
    refuse_index(a);
    refuse_index(b);
  }
  const Comparison comparison = compare(a, b, progress);
  progress.clear();
  const bool is_json = arguments.has("json");
  const Terminal terminal = look_at_output();
  if (!is_json) write_comparison(std::cout, terminal, a, b, comparison);
  std::vector<FileChange> files;
  if (has_files) {
    std::size_t count = 0;
    const auto take = [&](const FileChange& change) {
      if (is_json) {
        files.push_back(change);
        return;
      }
      progress.clear();
      if (count++ == 0) std::cout << '\n' << coloured(terminal, Colour::bold, "Files") << '\n';
      write_file_change(std::cout, change);
    };
    if (!is_json) std::cout.flush();
    compare_files(*a.image, *b.image, progress, take);
    if (!is_json && count == 0) std::cout << "\nAll files are the same.\n";
  }
  if (is_json) {
    std::cout << comparison_json(a, b, comparison, has_files ? &files : nullptr) << '\n';
  }
  return comparison.relation == Relation::same_document ? Answer::yes : Answer::no;
}

}  // namespace
}  // namespace digestfs::companions

int main(int argc, char** argv) {
  return digestfs::companions::run_program(digestfs::companions::program_usage, argc, argv,
                                           digestfs::companions::show_comparison);
}
