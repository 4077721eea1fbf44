// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/check/journal.h"

#include <cstddef>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "registry/image/json.h"
#include "tools/companions/mount/files.h"
#include "tools/companions/mount/image_directory.h"

namespace digestfs::companions {

std::vector<RecordedProblem> problems_about(const std::set<std::string>& objects,
                                            std::string_view text) {
  std::vector<RecordedProblem> problems;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    try {
      const auto json = registry::parse_json(line, registry::NameCase::matters);
      RecordedProblem problem{.kind = registry::text_member(json, "kind"),
                              .object = registry::text_member(json, "object"),
                              .detail = registry::text_member(json, "detail")};
      if (problem.kind == "remark" || problem.kind == "cache-damaged") continue;
      if (objects.contains(problem.object)) problems.push_back(std::move(problem));
    } catch (const Error&) {
      // A line that is being written, or an empty one.
    }
  }
  return problems;
}

std::string read_journal(const std::filesystem::path& repository) {
  const auto path = mount_of(repository) / ".digestfs/problems.jsonl";
  constexpr std::size_t kLimit = std::size_t{64} << 20U;
  if (!status_of(path)) return {};
  return read_text(path, kLimit);
}

}  // namespace digestfs::companions
