// SPDX-License-Identifier: Apache-2.0
#include "fs/repository/state_directory.h"

#include <vector>

#include "base/log.h"
#include "cache/transfers.h"
#include "fs/static_directory.h"
#include "fs/text_file.h"

namespace digestfs::fs {

const Directory* state_directory(const Nodes& nodes, const cache::Problems& problems,
                                 const Workers& workers, const FindQuarantined& quarantined) {
  const Node* journal = nodes.intern<GrowingTextFile>(
      ".digestfs/problems.jsonl", GrowingTextFile::Source{[&problems] { return problems.text(); },
                                                          [&problems] { return problems.size(); }});
  const Node* bad = nodes.intern<QuarantineDirectory>(".digestfs/quarantine", nodes, quarantined);
  const Node* transfers =
      nodes.intern<LiveTextFile>(".digestfs/transfers", LiveTextFile::Source{[&workers] {
                                   return cache::transfer_table(cache::transfers(workers));
                                 }});
  const Node* log = nodes.intern<LiveTextFile>(".digestfs/log",
                                               LiveTextFile::Source{[] { return recent_log(); }});
  return nodes.intern<StaticDirectory>(".digestfs", std::vector<Entry>{{"log", log},
                                                                       {"problems.jsonl", journal},
                                                                       {"quarantine", bad},
                                                                       {"transfers", transfers}});
}

}  // namespace digestfs::fs
