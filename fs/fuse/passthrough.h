// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/guarded.h"
#include "fs/node.h"
#include "fs/passthrough_state.h"

namespace digestfs::fs {

/// How the kernel gets the bytes of an open file.
enum class Way {
  ask,          ///< It asks for pages, and keeps them.
  ask_for_now,  ///< The same, of an inode that it may read by itself later.
  by_itself,    ///< It reads a file of the cache, and asks nobody (FOPEN_PASSTHROUGH).
  impossible,   ///< It reads the inode from another file, and would read this open from there too.
};

/// The files of the cache that the kernel was told of.
class Backings {
 public:
  /// The kernel's number of a backing, or the errno with which the kernel refused the file.
  struct Result {
    int backing = 0;
    int error = 0;
  };

  Backings() = default;
  Backings(const Backings&) = delete;
  Backings& operator=(const Backings&) = delete;
  virtual ~Backings() = default;

  /// Tells the kernel of the open file `file`.
  [[nodiscard]] virtual Result open(int file) = 0;
  virtual void close(int backing) noexcept = 0;
};

/// Decides how the kernel reads each open file. The kernel reads by itself what is a whole file of
/// the cache, if it offers that and lets the daemon do it. Such a file of the cache is the
/// *backing* of an inode for as long as the inode has opens that read by themselves.
///
/// The kernel refuses (EIO) to mix on one inode what it reads by itself and what it asks for, and
/// two backings. So the first open of an inode decides: if the object is not on the disk yet, all
/// opens until the last release of them are asked for. If a damaged object was replaced while it
/// is open, no later open of the inode is possible before the last release: what is open reads the
/// old file on, and no new reader may see a byte of that (promise 2). The new bytes need another
/// inode (`File::replace`).
///
/// Safe for concurrent use.
class Passthrough {
 public:
  struct Opening {
    Way way = Way::ask;
    int backing = 0;  ///< for `Way::by_itself`
  };

  explicit Passthrough(PassthroughState& state) : state_(state) {}

  /// Says that the kernel lets files be opened so. Until then all files are asked for.
  void allow();
  /// Says why the kernel does not.
  void refuse(std::string why) { state_.set_unused(std::move(why)); }

  /// Decides how the kernel reads an open of `inode`. The bytes are those of the open file `file`,
  /// which was verified, or `file` is what else `OpenFile::whole_file` returns. A file stays open
  /// at least until the release of the last open of it. The first backing that the kernel refuses
  /// is the last one that is tried, unless a limit of the system is to blame: then throws
  /// `std::system_error`.
  [[nodiscard]] Opening open(InodeNumber inode, int file, Backings& backings);
  /// Says that an open which `open` gave `way` has ended.
  void release(InodeNumber inode, Way way, Backings& backings) noexcept;

  /// Returns true if `inode` has an open that the kernel reads by itself.
  [[nodiscard]] bool is_used_for(InodeNumber inode) const;

 private:
  struct Use {
    int file = OpenFile::kNotYet;  ///< the backing's, or `kNotYet` if the kernel asks for now
    int backing = 0;
    std::size_t opens = 0;
  };
  /// Returns how to open `inode` if it is open already, and counts the open.
  [[nodiscard]] static std::optional<Opening> join(std::unordered_map<InodeNumber, Use>& uses,
                                                   InodeNumber inode, int file);

  struct Table {
    bool is_allowed = false;
    std::unordered_map<InodeNumber, Use> uses;
  };

  // Synchronises itself.
  PassthroughState& state_;
  // Guarded by the lock it lives in.
  Guarded<Table> table_;
};

}  // namespace digestfs::fs
