// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/handle.h"
#include "cache/disk/directory.h"

// Notes: small files beside the objects, `layers/<alg>-<hex>.json` and `tags/<hex>.json`. They are
// hints. One that cannot be used counts as none, and is replaced by the next that is written.

namespace digestfs::cache {

/// A note that is being written, under a name of its own, and locked so that nobody takes it for
/// one that a killed process has left. Destruction removes it unless it was published.
class Draft {
 public:
  Draft(const Directory& directory, std::string path);
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  ~Draft();

  void write(std::string_view text);
  /// Replaces the note by the draft, as a whole.
  void publish();

 private:
  // Constant after construction.
  const Directory& directory_;
  std::string path_;
  std::string draft_;
  UniqueFd file_;
  // Whether there is no draft any more.
  bool is_published_ = false;
};

/// Returns whether a file of this name is a draft.
[[nodiscard]] bool is_draft_name(std::string_view name);

/// Reads a note; nothing where there is none, where it is larger than `limit` bytes, or where it
/// cannot be read.
[[nodiscard]] std::optional<std::string> read_note(const Directory& directory,
                                                   const std::string& path, std::size_t limit);

/// Writes a note, and replaces the one of that name as a whole.
void write_note(const Directory& directory, const std::string& path, std::string_view text);

}  // namespace digestfs::cache
