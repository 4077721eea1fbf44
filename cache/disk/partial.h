// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/fingerprint.h"
#include "base/handle.h"
#include "cache/disk/directory.h"

namespace digestfs::cache {

/// Sends what is written to a file to the disk step by step: the disk is never more than two steps
/// behind, so that publishing does not take long at the end. One is for bytes that are written in a
/// row. What the disk refuses is for `Partial::write_out` to find out: a descriptor is told of each
/// error once, and so this has one of its own.
class WriteOut {
 public:
  /// Says that the row begins anew at `offset`.
  void begin(std::uint64_t offset) noexcept;
  /// Says that `fd` has been written up to `end`.
  void advance(int fd, std::uint64_t end);

 private:
  [[nodiscard]] bool is_open(int fd);

  UniqueFd own_;               ///< the file, opened once more
  std::uint64_t begin_ = 0;    ///< where the step begins that is being filled
  std::uint64_t sent_at_ = 0;  ///< where the step begins that the disk may be busy with
};

/// An object that is being made, in a file that only its holder writes to. The file is locked
/// (flock). Usually it is `partial/<alg>/<hex>`, which holds what an earlier holder left there, so
/// that a download which was cut goes on. Destruction unlocks the file and keeps it, unless it has
/// no name; `Store::publish` turns it into an object.
class Partial {
 public:
  /// Says whether the file has its name, or gets it only to be renamed. Until then nobody else can
  /// open it.
  enum class Name { given, to_come };

  Partial(Digest digest, std::string path, UniqueFd file, Name name = Name::given)
      : digest_(std::move(digest)), path_(std::move(path)), file_(std::move(file)), name_(name) {}

  [[nodiscard]] const Digest& digest() const noexcept { return digest_; }
  /// The name of the file in the cache's folder.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// Returns true if the file was made without a name, so that nobody else can have written to it.
  [[nodiscard]] bool is_unnamed() const noexcept { return name_ == Name::to_come; }
  /// Open for reading and writing; positioned at its start.
  [[nodiscard]] int fd() const noexcept { return file_.get(); }
  [[nodiscard]] std::uint64_t size() const;
  /// Waits until all of the file is on the disk.
  void write_out() const;
  /// Forgets everything that was written.
  void truncate() { keep(0); }
  /// Forgets everything behind the first `bytes`, and goes on there.
  void keep(std::uint64_t bytes);
  /// Forgets everything behind the first gap: a process that was killed while several connections
  /// wrote to the file may have left one. Where the file system does not say where gaps are, the
  /// hash of the object tells in the end.
  void drop_behind_gap();
  /// Writes at the file's position. See `WriteOut`.
  void write(std::span<const std::byte> bytes);
  /// Writes at `offset`, and leaves the file's position as it is. Safe beside other such calls. The
  /// bytes are not sent out (`WriteOut`).
  void write_at(std::span<const std::byte> bytes, std::uint64_t offset);

 private:
  void go_to(std::uint64_t offset);

  Digest digest_;
  std::string path_;
  UniqueFd file_;
  Name name_;
  std::uint64_t position_ = 0;
  WriteOut write_out_;
};

/// Returns whether `name` is a file name in `partial/<algorithm>/`: `<hex>`, which all processes
/// share, or `<hex>.<pid>.<number>`, which is one process's own.
[[nodiscard]] bool is_partial_name(std::string_view algorithm, std::string_view name);
/// Returns whether it is the second kind. No later process goes on with such a file.
[[nodiscard]] bool is_own_partial_name(std::string_view name);

/// Makes an empty partial file for `digest` that no other process takes or goes on with: without a
/// name where the file system can do that.
[[nodiscard]] Partial make_own_partial(const Directory& directory, const Digest& digest);
/// The same with a name.
[[nodiscard]] Partial make_named_partial(const Directory& directory, const Digest& digest);

/// Getting the partial file of an object that another process may hold, without blocking: the owner
/// calls `poll` from time to time until it returns the file. Not safe for concurrent use.
class PartialClaim {
 public:
  /// How soon `poll` may be called again.
  static constexpr std::chrono::milliseconds kPollEvery{50};

  /// `idle` is how long another process may hold the file without adding to it.
  PartialClaim(const Directory& directory, Digest digest, std::chrono::milliseconds idle);

  /// Returns the partial file if nobody else holds it. Returns nothing while somebody else does.
  /// Once the holder has added nothing for `idle`, returns another file of this process alone,
  /// empty. If it was not the first call, look again whether the object exists now.
  [[nodiscard]] std::optional<Partial> poll();

  /// Returns the partial file if nobody else holds it, or else another file of this process alone.
  [[nodiscard]] Partial take_any();

 private:
  // Constant after construction.
  const Directory& directory_;
  Digest digest_;
  std::chrono::milliseconds idle_;
  std::string path_;
  // What the holder's file was like, and since when.
  std::optional<Fingerprint> found_;
  std::chrono::steady_clock::time_point grown_at_{};
};

}  // namespace digestfs::cache
