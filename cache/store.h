// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/handle.h"

// What is on the disk (design: "The cache"). Any number of processes share one; nothing in it is
// edited in place, and nothing in it is trusted: who opens an object hashes it.

namespace digestfs::cache {

/// The folders of finished objects.
enum class Area {
  blobs,  ///< as the source stores them: manifests, configs, layers (the `blobs/` of an OCI layout)
  diffs,  ///< layers uncompressed
  quarantine,  ///< what came instead of what was promised, under its true name (promise 3)
};

/// An object that is being made: `partial/<alg>/<hex>`, held under an exclusive lock by one process
/// at a time. What is there when it is taken is what an earlier one left. Destruction unlocks it
/// and keeps the file, so that a cut download can go on later; `Store::publish` turns it into an
/// object.
class Partial {
 public:
  Partial(Digest digest, UniqueFd file) : digest_(std::move(digest)), file_(std::move(file)) {}

  [[nodiscard]] const Digest& digest() const noexcept { return digest_; }
  /// Read and write; positioned at its start.
  [[nodiscard]] int fd() const noexcept { return file_.get(); }
  [[nodiscard]] std::uint64_t size() const;
  /// Forgets everything that was written.
  void truncate();

 private:
  Digest digest_;
  UniqueFd file_;
};

struct StoreLimits {
  /// Bound on blobs, diffs and partial files, in bytes; least recently used go first.
  std::uint64_t size = std::uint64_t{10} << 30U;
  /// Bound on what is in quarantine, in bytes; the oldest go first.
  std::uint64_t quarantine = std::uint64_t{1} << 30U;
  /// Bound on an object that nobody gives a size for, neither a descriptor nor the source, in
  /// bytes.
  std::uint64_t unsized = std::uint64_t{1} << 30U;
  /// Part of the disk that stays free, in percent.
  unsigned free_percent = 5;
  /// How long another process may hold a partial file without adding to it before whoever waits for
  /// it gives up.
  std::chrono::milliseconds idle = std::chrono::minutes(2);
};

/// A cache folder. Safe for concurrent use by threads and processes. Throws `std::system_error`.
class Store {
 public:
  /// Makes the folder (0700) and what belongs in it, CACHEDIR.TAG included. Throws where it cannot
  /// be used: no folder, not writable, not ours.
  Store(const std::filesystem::path& directory, StoreLimits limits);

  /// A finished object for reading; nothing where there is none. Never a symlink, fifo or folder.
  /// Does not check the content and does not count as use.
  [[nodiscard]] std::optional<UniqueFd> open(Area area, const Digest& digest) const;

  /// Takes the partial file of `digest`, waiting for another process that has it. Poll-waits, so
  /// that `stop` ends it (`Errc::interrupted`). After a wait, look again whether the object exists.
  [[nodiscard]] Partial take_partial(const Digest& digest, std::stop_token stop) const;

  /// Turns `partial` into the object `digest` of `area`: on disk (fdatasync), 0444, by rename. The
  /// caller has hashed it. `digest` may differ from the partial's own: a diff that came out other
  /// than promised is kept under its true name. Evicts what is over the bound afterwards.
  void publish(Partial partial, Area area, const Digest& digest) const;

  /// Puts `partial`, whose bytes are `actual` and nothing that anybody has promised, where it can
  /// be looked at. Nothing is kept that is larger than the bound by itself. Whether it is kept.
  bool quarantine(Partial partial, const Digest& actual) const;

  /// Throws the partial file of `digest` away.
  void discard(Partial partial) const;

  /// Removes an object that turned out damaged, if the file there is still `damaged` (same inode).
  void remove(Area area, const Digest& digest, int damaged) const;

  /// Makes room for `bytes` more: throws ENOSPC where they would leave less of the disk free than
  /// the limits say and evicting everything else does not help; where that is plain beforehand
  /// nothing is evicted. Cheap; call it every few MiB.
  void reserve(std::uint64_t bytes) const;

  /// Notes that the object was used now: the mtime of `used/<alg>/<hex>`. Never throws.
  void touch(const Digest& digest) const noexcept;

  /// Small JSON files beside the objects: `layers/<alg>-<hex>.json`, `tags/<name>.json`. Replaced
  /// by rename. `name` is one path component, made by the caller from checked parts.
  [[nodiscard]] std::optional<std::string> read_note(std::string_view folder,
                                                     std::string_view name) const;
  void write_note(std::string_view folder, std::string_view name, std::string_view text) const;

  [[nodiscard]] const std::filesystem::path& directory() const noexcept { return path_; }
  [[nodiscard]] const StoreLimits& limits() const noexcept { return limits_; }

 private:
  void evict(std::uint64_t wanted_free, const std::string* keep) const;
  void keep_bound(std::uint64_t added, const std::string& keep) const;
  void rename_to(const Partial& partial, const std::string& path) const;

  // Constant after construction.
  std::filesystem::path path_;
  UniqueFd directory_;
  StoreLimits limits_;
  // Synchronises itself: what may be published before the folder has to be looked at again.
  mutable std::atomic<std::int64_t> headroom_{0};
};

}  // namespace digestfs::cache
