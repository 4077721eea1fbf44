// SPDX-License-Identifier: Apache-2.0
#include "fs/repository/state_directory.h"

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "cache/transfers.h"
#include "fs/static_directory.h"
#include "fs/text_file.h"

namespace digestfs::fs {
namespace {

/// Returns the text of `status.json`.
std::string status_text(const PassthroughState& passthrough) {
  const std::string obstacle = passthrough.obstacle();
  nlohmann::ordered_json status;
  status["passthrough"] = obstacle.empty();
  if (!obstacle.empty()) status["passthrough_obstacle"] = obstacle;
  return status.dump(2) + "\n";
}

}  // namespace

const Directory* state_directory(const Nodes& nodes, const cache::Problems& problems,
                                 const Workers& workers, const PassthroughState& passthrough,
                                 const FindQuarantined& quarantined) {
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
  const Node* status = nodes.intern<LiveTextFile>(
      ".digestfs/status.json",
      LiveTextFile::Source{[&passthrough] { return status_text(passthrough); }});
  return nodes.intern<StaticDirectory>(".digestfs", std::vector<Entry>{{"log", log},
                                                                       {"problems.jsonl", journal},
                                                                       {"quarantine", bad},
                                                                       {"status.json", status},
                                                                       {"transfers", transfers}});
}

}  // namespace digestfs::fs
