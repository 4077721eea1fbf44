// SPDX-License-Identifier: Apache-2.0
#include "cache/disk/eviction.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/digest.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "cache/disk/hints.h"
#include "cache/disk/lock.h"
#include "cache/disk/notes.h"
#include "cache/disk/partial.h"

namespace digestfs::cache {

/// A file of the cache that may be thrown out.
struct Eviction::Candidate {
  std::string path;
  std::uint64_t bytes = 0;
  std::int64_t used_ns = 0;  ///< when it was used last
  bool is_in_use = false;
};

namespace {

// Where objects are.
constexpr std::array<std::string_view, 3> kAreas{"blobs", "diffs", "quarantine"};

// Other processes add files too: the folder is looked at anew at least this often, in bytes.
constexpr std::uint64_t kLookAgainAfter = std::uint64_t{256} << 20U;

bool is_object_name(std::string_view folder, const std::string& algorithm,
                    const std::string& name) {
  if (folder == "partial") return is_partial_name(algorithm, name);
  return Digest::parse(str_cat(algorithm, ":", name)).has_value();
}

/// Returns whether somebody uses the file now. One that cannot be opened is used by nobody.
bool is_used_now(const Directory& directory, const std::string& path) {
  const auto file = directory.open(path);
  return file && is_in_use(file->get());
}

/// Returns true if an object lies at `path`. Only objects have a note of their last use.
bool is_object_path(std::string_view path) {
  return std::ranges::find(kAreas, path.substr(0, path.find('/'))) != kAreas.end();
}

/// The name of the object at `path` in its area, `<alg>/<hex>`.
std::string_view name_of_object(std::string_view path) { return path.substr(path.find('/') + 1); }

template <class Candidates>
std::uint64_t bytes_of(const Candidates& candidates) {
  std::uint64_t total = 0;
  for (const auto& candidate : candidates) total += candidate.bytes;
  return total;
}

}  // namespace

/// What lies in `folders`, least recently used first.
std::vector<Eviction::Candidate> Eviction::candidates_in(
    const std::vector<std::string>& folders) const {
  std::vector<Candidate> found;
  for (const std::string& folder : folders) {
    for (const std::string& algorithm : directory_.names_in(folder)) {
      for (const std::string& name : directory_.names_in(str_cat(folder, "/", algorithm))) {
        if (!is_object_name(folder, algorithm, name)) continue;
        Candidate candidate;
        candidate.path = str_cat(folder, "/", algorithm, "/", name);
        const auto status = directory_.status(candidate.path);
        if (!status || !S_ISREG(status->st_mode)) continue;
        candidate.bytes = static_cast<std::uint64_t>(status->st_size);
        candidate.used_ns = to_nanoseconds(status->st_mtim);
        if (folder != "partial") {
          const std::string_view object = name_of_object(candidate.path);
          const auto used = directory_.status(str_cat("used/", object));
          if (used) candidate.used_ns = to_nanoseconds(used->st_mtim);
          // They go with the object.
          candidate.bytes += bytes_beside(directory_, object);
        }
        found.push_back(std::move(candidate));
      }
    }
  }
  std::ranges::sort(found, {}, &Candidate::used_ns);
  return found;
}

/// Takes the name of a file away that nobody uses. Returns whether it is gone; another process that
/// was faster is as good.
bool Eviction::remove_unused(const Candidate& candidate) const {
  const auto file = directory_.open(candidate.path);
  // The lock is held until the name is gone, so that nobody begins to use the file meanwhile.
  if (file && (is_in_use(file->get()) || !directory_.is_named(candidate.path, file->get()))) {
    return false;
  }
  if (!directory_.remove(candidate.path)) return false;
  if (is_object_path(candidate.path)) remove_beside(directory_, name_of_object(candidate.path));
  return true;
}

/// Throws out what nobody uses until no more than `most_left` bytes are left, and at least
/// `wanted_free` are freed.
void Eviction::evict(std::vector<Candidate> candidates, std::uint64_t most_left,
                     std::uint64_t wanted_free) const {
  std::erase_if(candidates, [](const Candidate& candidate) { return candidate.is_in_use; });
  // What can never fit goes first: everything else would go for nothing.
  std::stable_partition(candidates.begin(), candidates.end(), [this](const Candidate& candidate) {
    return candidate.bytes > limits_.size;
  });
  std::uint64_t left = bytes_of(candidates);
  std::uint64_t freed = 0;
  for (const Candidate& candidate : candidates) {
    if (left <= most_left && freed >= wanted_free) return;
    if (!remove_unused(candidate)) continue;
    freed += candidate.bytes;
    left -= candidate.bytes;
  }
}

void Eviction::keep_size() const {
  auto candidates = candidates_in({"blobs", "diffs", "partial"});
  const std::uint64_t total = bytes_of(candidates);
  if (total > limits_.size) {
    std::uint64_t in_use = 0;
    for (Candidate& candidate : candidates) {
      candidate.is_in_use = is_used_now(directory_, candidate.path);
      if (candidate.is_in_use) in_use += candidate.bytes;
    }
    // Where what is in use is too much by itself, throwing out the rest does not help; the bound
    // holds again when it is closed.
    const std::uint64_t left = in_use < limits_.size ? limits_.size - in_use : limits_.size;
    evict(std::move(candidates), left, 0);
  }
  const std::uint64_t room = limits_.size > total ? limits_.size - total : 0;
  headroom_ = static_cast<std::int64_t>(std::min(room, kLookAgainAfter));
}

void Eviction::make_room_after(std::uint64_t bytes) const {
  const auto added = static_cast<std::int64_t>(bytes);
  if (headroom_.fetch_sub(added) >= added) return;
  keep_size();
}

void Eviction::make_room_in_quarantine(std::uint64_t bytes) const {
  const std::uint64_t left = limits_.quarantine > bytes ? limits_.quarantine - bytes : 0;
  std::vector<Candidate> kept = candidates_in({"quarantine"});
  std::uint64_t total = bytes_of(kept);
  for (const Candidate& oldest : kept) {
    if (total <= left) return;
    if (remove_unused(oldest)) total -= oldest.bytes;
  }
}

void Eviction::tidy(const std::stop_token& stop) const {
  for (const std::string& algorithm : directory_.names_in("partial")) {
    for (const std::string& name : directory_.names_in(str_cat("partial/", algorithm))) {
      if (stop.stop_requested()) return;
      if (!is_own_partial_name(name) || !is_partial_name(algorithm, name)) continue;
      static_cast<void>(remove_unused({.path = str_cat("partial/", algorithm, "/", name)}));
    }
  }
  for (const char* folder : {"", "layers", "tags"}) {
    if (stop.stop_requested()) return;
    remove_drafts_in(folder);
  }
  for (const std::string folder : {"sums", "trees"}) {
    for (const std::string& algorithm : directory_.names_in(folder)) {
      if (stop.stop_requested()) return;
      remove_drafts_in(str_cat(folder, "/", algorithm));
    }
  }
  remove_orphans(directory_, stop);
  if (stop.stop_requested()) return;
  make_room_in_quarantine(0);
  if (stop.stop_requested()) return;
  keep_size();
}

void Eviction::remove_drafts_in(const std::string& folder) const {
  for (const std::string& name : directory_.names_in(folder)) {
    if (!is_draft_name(name)) continue;
    static_cast<void>(remove_unused({.path = folder.empty() ? name : str_cat(folder, "/", name)}));
  }
}

/// How many bytes more have to be free so that `bytes` can be written.
std::uint64_t Eviction::missing_for(std::uint64_t bytes) const {
  const Directory::Room disk = directory_.room();
  const std::uint64_t kept = disk.size / 100 * limits_.free_percent;
  const std::uint64_t wanted = kept + std::min(bytes, UINT64_MAX - kept);
  return wanted > disk.free ? wanted - disk.free : 0;
}

void Eviction::reserve(std::uint64_t bytes) const {
  std::uint64_t wanted = missing_for(bytes);
  if (wanted == 0) return;
  // Of all that is here, what is in quarantine is of the least use to anybody.
  // Some file systems give room back late, and then no more is to be thrown out than this.
  constexpr int kRounds = 4;
  for (int round = 0; wanted > 0 && round < kRounds; ++round) {
    auto bad = candidates_in({"quarantine"});
    auto good = candidates_in({"blobs", "diffs", "partial"});
    std::uint64_t evictable = 0;
    for (auto* candidates : {&bad, &good}) {
      for (Candidate& candidate : *candidates) {
        candidate.is_in_use = is_used_now(directory_, candidate.path);
        if (!candidate.is_in_use) evictable += candidate.bytes;
      }
    }
    if (wanted > evictable) break;
    std::erase_if(bad, [](const Candidate& candidate) { return candidate.is_in_use; });
    std::uint64_t freed = 0;
    for (const Candidate& candidate : bad) {
      if (freed < wanted && remove_unused(candidate)) freed += candidate.bytes;
    }
    if (freed < wanted) evict(std::move(good), UINT64_MAX, wanted - freed);
    wanted = missing_for(bytes);
  }
  if (wanted > 0) {
    throw std::system_error(
        ENOSPC, std::generic_category(),
        str_cat("the disk of the cache ", directory_.path().native(), " is nearly full: ", wanted,
                " bytes more have to be free, for ", limits_.free_percent, " % of it stay so"));
  }
}

}  // namespace digestfs::cache
