// SPDX-License-Identifier: Apache-2.0
#include "cache/disk/notes.h"

#include <atomic>
#include <system_error>
#include <utility>

#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "cache/disk/lock.h"

namespace digestfs::cache {
namespace {

constexpr std::string_view kDraftSuffix = ".new";

}  // namespace

Draft::Draft(const Directory& directory, std::string path)
    : directory_(directory), path_(std::move(path)) {
  static std::atomic<unsigned> count{0};
  // Another process may have the same number, in another namespace, or may have been killed: then
  // the draft is its own, or is tidied away at this moment.
  constexpr int kTries = 100;
  for (int i = 0; i < kTries; ++i) {
    draft_ = str_cat(path_, ".", ::getpid(), ".", ++count, kDraftSuffix);
    file_ = directory_.make(draft_);
    if (lock_named(directory_, draft_, file_.get()) == Locked::no) continue;
    if (::ftruncate(file_.get(), 0) != 0) throw_system_error(str_cat("empty ", draft_));
    return;
  }
  throw std::system_error(EIO, std::generic_category(), str_cat("cannot write ", path_));
}

Draft::~Draft() {
  if (!is_published_) directory_.remove(draft_);
}

void Draft::write(std::string_view text) { write_all(file_.get(), as_bytes(text)); }

void Draft::publish() {
  directory_.rename(draft_, path_);
  is_published_ = true;
}

bool is_draft_name(std::string_view name) { return name.ends_with(kDraftSuffix); }

std::optional<std::string> read_note(const Directory& directory, const std::string& path,
                                     std::size_t limit) try {
  const auto file = directory.open(path);
  if (!file) return std::nullopt;
  return read_rest(file->get(), limit);
} catch (const std::exception& error) {
  DIGESTFS_LOG(info, "a note of the cache is of no use path=", path, " cause=", error.what());
  return std::nullopt;
}

void write_note(const Directory& directory, const std::string& path, std::string_view text) {
  // A draft may disappear when somebody empties the cache.
  constexpr int kTries = 3;
  for (int i = 1;; ++i) {
    try {
      Draft draft(directory, path);
      draft.write(text);
      draft.publish();
      return;
    } catch (const std::system_error& error) {
      if (i == kTries || error.code() != std::errc::io_error) throw;
    }
  }
}

}  // namespace digestfs::cache
