// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace digestfs::companions {

/// A problem that the daemon of a mount has recorded.
struct RecordedProblem {
  std::string kind;
  std::string object;
  std::string detail;
};

/// Returns the problems in `text`, which is like `.digestfs/problems.jsonl`, that are about one of
/// `objects`. Leaves out what says nothing against an object: remarks, and damage in the cache that
/// was repaired. Lines that make no sense are left out, too.
[[nodiscard]] std::vector<RecordedProblem> problems_about(const std::set<std::string>& objects,
                                                          std::string_view text);

/// Returns the text of the journal of the mount that `repository` is in, or an empty text if it has
/// none. Throws `Error`.
[[nodiscard]] std::string read_journal(const std::filesystem::path& repository);

}  // namespace digestfs::companions
