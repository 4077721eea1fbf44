// SPDX-License-Identifier: Apache-2.0
#include "fs/repository/state_directory.h"

#include <vector>

#include "fs/static_directory.h"
#include "fs/text_file.h"

namespace digestfs::fs {

const Directory* state_directory(const Nodes& nodes, const cache::Problems& problems,
                                 const QuarantineParts& parts) {
  const Node* journal = nodes.intern<GrowingTextFile>(
      ".digestfs/problems.jsonl", GrowingTextFile::Source{[&problems] { return problems.text(); },
                                                          [&problems] { return problems.size(); }});
  const Node* bad = nodes.intern<QuarantineDirectory>(".digestfs/quarantine", nodes, parts);
  return nodes.intern<StaticDirectory>(
      ".digestfs", std::vector<Entry>{{"problems.jsonl", journal}, {"quarantine", bad}});
}

}  // namespace digestfs::fs
