// SPDX-License-Identifier: Apache-2.0
#include "cache/problems.h"

#include <chrono>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/rfc3339.h"
#include "base/text.h"

namespace digestfs::cache {
namespace {

constexpr std::size_t kMaxProblems = 10000;
// What a line may quote of somebody else's names, and what the journal may hold, in bytes.
constexpr std::size_t kMaxQuoted = 1024;
constexpr std::size_t kMaxText = std::size_t{16} << 20U;

nlohmann::ordered_json to_json(const Claim& claim) {
  nlohmann::ordered_json json;
  json["digest"] = claim.digest.str();
  if (claim.size) json["size"] = *claim.size;
  return json;
}

}  // namespace

std::string_view to_string(ProblemKind kind) noexcept {
  switch (kind) {
    case ProblemKind::digest_mismatch:
      return "digest-mismatch";
    case ProblemKind::size_mismatch:
      return "size-mismatch";
    case ProblemKind::diff_mismatch:
      return "diff-mismatch";
    case ProblemKind::undecodable:
      return "undecodable";
    case ProblemKind::limit:
      return "limit";
    case ProblemKind::bad_document:
      return "bad-document";
    case ProblemKind::bad_entry:
      return "bad-entry";
    case ProblemKind::bad_name:
      return "bad-name";
    case ProblemKind::unpaired:
      return "unpaired";
    case ProblemKind::cache_damaged:
      return "cache-damaged";
    case ProblemKind::remark:
      return "remark";
  }
  return "unknown";
}

Problems::Problems(std::string source)
    : source_(std::move(source)), journal_(std::make_shared<Guarded<Journal>>()) {}

Problems::Problems(const Problems& other, std::string source)
    : source_(std::move(source)), journal_(other.journal_) {}

void Problems::report_size(const Digest& digest, std::uint64_t claimed, std::uint64_t actual) {
  report({ProblemKind::size_mismatch, digest.str(), Claim{digest, claimed}, Claim{digest, actual},
          str_cat("a descriptor gives ", claimed, " bytes, the object has ", actual)});
}

void Problems::report(const Problem& problem) {
  nlohmann::ordered_json json;
  json["kind"] = to_string(problem.kind);
  json["object"] = shortened(problem.object, kMaxQuoted);
  if (problem.promised) json["promised"] = to_json(*problem.promised);
  if (problem.actual) json["actual"] = to_json(*problem.actual);
  json["detail"] = shortened(problem.detail, kMaxQuoted);
  // Names from the network need not be UTF-8; the journal is.
  const auto replace = nlohmann::ordered_json::error_handler_t::replace;
  const std::string key = str_cat(source_, " ", json.dump(-1, ' ', true, replace));
  nlohmann::ordered_json line;
  line["time"] = rfc3339_text(std::chrono::system_clock::now());
  line.update(json);
  line["source"] = source_;
  const std::string text = line.dump(-1, ' ', true, replace) + '\n';
  {
    const auto journal = journal_->lock();
    if (journal->seen.contains(key)) return;
    if (journal->seen.size() < kMaxProblems && journal->text.size() < kMaxText) {
      journal->seen.insert(key);
      journal->text += text;
    } else if (!std::exchange(journal->is_full, true)) {
      line["kind"] = to_string(ProblemKind::limit);
      line["object"] = "problems.jsonl";
      line.erase("promised");
      line.erase("actual");
      line["detail"] = str_cat("there are more than ", journal->seen.size(),
                               " problems; those after this line are only in the log");
      journal->text += line.dump(-1, ' ', true, replace) + '\n';
    }
  }
  DIGESTFS_LOG(warning, shortened(problem.detail, kMaxQuoted), " kind=", to_string(problem.kind),
               " object=", shortened(problem.object, kMaxQuoted));
}

std::string Problems::text() const { return journal_->lock()->text; }

std::uint64_t Problems::size() const { return journal_->lock()->text.size(); }

}  // namespace digestfs::cache
