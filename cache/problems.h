// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/digest.h"
#include "base/guarded.h"

namespace digestfs::cache {

/// The kind of a problem. The words are a closed set, listed in digestfs(1).
enum class ProblemKind {
  digest_mismatch,  ///< the source sent other bytes than the digest promises
  size_mismatch,    ///< the bytes are right, but a descriptor gives another size
  diff_mismatch,    ///< a layer decompresses to other bytes than its diff_id promises
  undecodable,      ///< a layer cannot be decompressed to its end
  limit,            ///< something exceeds a limit of digestfs
  bad_document,     ///< an index, manifest or config that cannot be used, or only in part
  bad_entry,      ///< an entry of a layer that is left out, or shown otherwise than it stands there
  bad_name,       ///< a name from the network that cannot be shown
  unpaired,       ///< layers and diff_ids, or layers and history, that do not pair up
  cache_damaged,  ///< a cached file, or what is kept beside it, is not as it was written
  remark,         ///< odd, but right
};

[[nodiscard]] std::string_view to_string(ProblemKind kind) noexcept;

/// The digest that an object has, or should have, and its size if that is known.
struct Claim {
  Digest digest;
  std::optional<std::uint64_t> size;
};

struct Problem {
  ProblemKind kind;
  std::string object;  ///< a digest, a tag or a path
  std::optional<Claim> promised = {};
  std::optional<Claim> actual = {};
  std::string detail;  ///< one sentence
};

/// The journal behind `.digestfs/problems.jsonl`: one JSON object a line, in the order of events,
/// the same problem once a mount. Safe for concurrent use.
class Problems {
 public:
  /// `source` is what every line names as its source.
  explicit Problems(std::string source);
  /// Adds to the journal of `other`, but names `source`: a mount of many repositories has one
  /// journal.
  Problems(const Problems& other, std::string source);

  /// Adds `problem` and logs it as a warning. After 10,000 problems, one line says that the others
  /// are only logged.
  void report(const Problem& problem);
  /// Reports that a descriptor gives `claimed` bytes for an object that has `actual`.
  void report_size(const Digest& digest, std::uint64_t claimed, std::uint64_t actual);

  /// Returns everything so far. The text only ever grows.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::uint64_t size() const;

 private:
  struct Journal {
    std::string text;
    std::unordered_set<std::string> seen;
    bool is_full = false;
  };

  // Constant after construction.
  std::string source_;
  // Guarded by the lock it lives in.
  std::shared_ptr<Guarded<Journal>> journal_;
};

}  // namespace digestfs::cache
