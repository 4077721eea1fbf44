// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/fingerprint.h"
#include "base/handle.h"
#include "base/sink.h"
#include "cache/disk/directory.h"
#include "cache/disk/eviction.h"
#include "cache/disk/hints.h"
#include "cache/disk/partial.h"
#include "cache/disk/unnamed_files.h"

// What is on the disk (design: "The cache"). Any number of processes share one cache; nothing in it
// is edited in place, and nothing in it is trusted: whoever opens an object hashes it.

namespace digestfs::cache {

/// The folders of finished objects.
enum class Area {
  blobs,  ///< as the source stores them: manifests, configs, layers (the `blobs/` of an OCI layout)
  diffs,  ///< layers uncompressed
  quarantine,  ///< what came instead of what was promised, under its true name (promise 3)
};

struct StoreLimits {
  /// Bound on blobs, diffs, what is kept beside them, and partial files, in bytes; least recently
  /// used go first.
  std::uint64_t size = std::uint64_t{10} << 30U;
  /// Bound on what is in quarantine, in bytes; the oldest go first.
  std::uint64_t quarantine = std::uint64_t{1} << 30U;
  /// Bound on an object that nobody gives a size for, neither a descriptor nor the source, in
  /// bytes.
  std::uint64_t unsized = std::uint64_t{1} << 30U;
  /// Part of the disk that stays free, in percent.
  unsigned free_percent = 5;
  /// How long another process may hold a partial file without adding to it before its object is
  /// made in another file.
  std::chrono::milliseconds idle = std::chrono::seconds(30);
};

/// A cache folder: its objects, what is being made of them, and notes beside them. What keeps a
/// file of it from being used (a folder, link or fifo in its place) counts as nothing, and is moved
/// aside where the name is needed. Safe for concurrent use by threads and processes. Throws
/// `std::system_error`; see cache/disk/directory.h for its codes.
class Store {
 public:
  /// Makes the folder (0700) and what belongs in it, CACHEDIR.TAG included. Throws where it cannot
  /// be used: it is no folder, not writable, or not ours.
  Store(const std::filesystem::path& directory, const StoreLimits& limits);

  /// Opens a finished object for reading; returns nothing where there is none. The object counts as
  /// in use until the descriptor and all its duplicates are closed: no process evicts it. Does not
  /// check the content and does not note the time of use.
  [[nodiscard]] std::optional<UniqueFd> open(Area area, const Digest& digest) const;

  /// Returns the way to the partial file of `digest`, which another process may hold. Takes nothing
  /// yet.
  [[nodiscard]] PartialClaim claim(const Digest& digest) const;
  /// Makes an empty partial file of `digest` that nobody else takes or goes on with.
  [[nodiscard]] Partial make_own(const Digest& digest) const;

  /// Takes the partial file of `digest`. Blocks while another process has it and makes progress;
  /// `stop` ends that (`Errc::interrupted`). After a wait, look again whether the object exists.
  [[nodiscard]] Partial take_partial(const Digest& digest, std::stop_token stop) const;

  /// Turns `partial` into the object `digest` of `area`: 0444, by rename. The caller has hashed it
  /// and written it out, for a torn write must not be found under the name (promise 6). `digest`
  /// may differ from the partial's own: a diff that came out other than promised is kept under its
  /// true name. Keeps the bound on the size afterwards. Where the partial file was removed
  /// meanwhile, the object is a copy of it, with another inode. Returns the fingerprint of what has
  /// the name.
  Fingerprint publish(Partial partial, Area area, const Digest& digest) const;

  /// Puts `partial`, whose bytes are `actual` and nothing that anybody has promised, where it can
  /// be looked at. Nothing is kept that is larger than the bound by itself. Returns whether it is
  /// kept.
  bool quarantine(Partial partial, const Digest& actual) const;

  /// Removes the partial file.
  void discard(Partial partial) const;

  /// Removes an object that turned out damaged, if the file there is still `damaged` (same inode).
  void remove(Area area, const Digest& digest, int damaged) const;

  /// Returns whether the disk has room for `bytes` more as it is.
  [[nodiscard]] bool has_room(std::uint64_t bytes) const { return eviction_.has_room(bytes); }

  /// Makes room for `bytes` more on the disk; see `Eviction::reserve`. If there is not enough,
  /// waits for what is about to get its name: then it can be thrown out.
  void reserve(std::uint64_t bytes) const;

  /// Says that a finished object of this process waits for its name, for as long as the result
  /// lives. Returns null if too many wait already: it has to get its name at once, then.
  [[nodiscard]] UnnamedFiles::Waiting wait_for_name() const { return unnamed_.join(); }

  /// Keeps the bounds and removes what killed processes have left. To be called at the start and
  /// from time to time: other processes add to the cache too, and what is in use stays until it is
  /// closed. Leaves the rest for the next time on `stop`. Never throws.
  void tidy(const std::stop_token& stop = {}) const noexcept;

  /// Makes an empty file without a name for `bytes` that are this process's alone. Nothing is
  /// thrown out for it: throws ENOSPC where the disk has no room as it is.
  [[nodiscard]] UniqueFd make_unnamed(std::uint64_t bytes) const;

  /// Notes that the object was used now: the mtime of `used/<alg>/<hex>`. Never throws.
  void touch(const Digest& digest) const noexcept;

  /// Returns true if nobody but this user can have put the open `file` into the cache, or written
  /// to it: the file is this user's, and no other user may write to it or to the cache's folder.
  /// Only such objects may be read without being hashed, and only such hints are believed.
  [[nodiscard]] bool is_ours_alone(int file) const;

  /// Opens the hint of an object, whose open file is `object`. Returns nothing where there is none,
  /// and where either of the files is not ours alone.
  [[nodiscard]] std::optional<UniqueFd> open_hint(Hint hint, const Digest& digest,
                                                  int object) const;
  /// Replaces the hint of an object as a whole by what `write` writes, unless other users may write
  /// to the cache's folder: then nobody would read it. Where the disk has no room, nothing is
  /// thrown out for a hint. Returns whether the hint was written. Never throws: what is missing is
  /// made anew another time.
  bool write_hint(Hint hint, const Digest& digest,
                  const std::function<void(ByteSink&)>& write) const noexcept;
  /// Removes the hint of an object. Never throws.
  void remove_hint(Hint hint, const Digest& digest) const noexcept;

  /// Small files beside the objects: `layers/<alg>-<hex>.json`, `tags/<name>.json`. `name` is one
  /// path component, made by the caller from checked parts. See cache/disk/notes.h.
  [[nodiscard]] std::optional<std::string> read_note(std::string_view folder,
                                                     std::string_view name) const;
  void write_note(std::string_view folder, std::string_view name, std::string_view text) const;

  [[nodiscard]] const Directory& directory() const noexcept { return directory_; }
  [[nodiscard]] const StoreLimits& limits() const noexcept { return limits_; }

 private:
  void rename_to(Partial& partial, const std::string& path) const;
  [[nodiscard]] Partial copy_of(const Partial& partial) const;

  // Constant after construction.
  StoreLimits limits_;
  // Synchronise themselves.
  Directory directory_;
  Eviction eviction_;
  mutable UnnamedFiles unnamed_;
};

}  // namespace digestfs::cache
