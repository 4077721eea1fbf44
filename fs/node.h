// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/flight.h"
#include "base/timestamp.h"
#include "fs/file_type.h"
#include "fs/part.h"

// What a mount consists of. The nodes are plain C++: they return values or throw, and know nothing
// of FUSE.

namespace digestfs::fs {

/// The number of a node. It belongs to one content for ever: the daemon neither uses it again for
/// another content nor gives it a new meaning.
using InodeNumber = std::uint64_t;

/// How long the kernel may believe something.
inline constexpr std::chrono::hours kForever{24 * 3650};

/// Whose a file of an image is, and who may do what with it.
struct Ownership {
  std::uint16_t mode = 0;  ///< the permission bits, set-user-ID and its like among them
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

struct Attributes {
  FileType type = FileType::file;
  std::uint64_t size = 0;
  /// A digest's bytes have at least two names.
  std::uint32_t links = 1;
  /// What cannot change must not look changed: 1970 (design, "The tree").
  Timestamp modified = {};
  /// Absent for a node that no image gives an owner: it is read-only, and the user who mounted owns
  /// it.
  std::optional<Ownership> ownership = {};
  /// The number of a device, as makedev(3) makes it.
  std::uint64_t device = 0;
  /// How many bytes a sparse file has outside its holes; absent for any other file.
  std::optional<std::uint64_t> stored = {};
  /// How long the kernel may keep the attributes: zero if they can change or are a placeholder.
  Clock::duration valid = kForever;
};

using Xattrs = std::map<std::string, std::string>;

/// What is open for a file that a process has opened: mostly the file itself, or what it is a part
/// of, which is then open once for all such files. Safe for concurrent use.
class OpenFile {
 public:
  /// No descriptor.
  static constexpr int kNoFile = -1;
  static constexpr int kNotYet = -2;

  OpenFile() = default;
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  virtual ~OpenFile() = default;

  /// Fills `buffer` with the bytes from `offset` on, and returns how many there are: fewer than
  /// fit only at the end of the file.
  [[nodiscard]] virtual std::size_t read(std::span<std::byte> buffer, std::uint64_t offset,
                                         const Patience& patience) = 0;
  /// Returns the descriptor of a regular file that has exactly the bytes of this file, which were
  /// verified; `kNoFile` if there is none; or `kNotYet` if there will be one, which may not be read
  /// past this object before it is on the disk. It stays open as long as this object lives, and two
  /// objects that live have the same descriptor only if their bytes are in the same file.
  [[nodiscard]] virtual int whole_file() const noexcept { return kNoFile; }

  /// The marks of whoever keeps what is open for a while after it was used last.
  struct Lingering {
    std::atomic<bool> is_kept{false};   ///< somebody keeps it
    std::atomic<bool> was_used{false};  ///< since whoever keeps it looked last
  };
  /// Returns the marks if it should stay open for a moment after its last use, because it will
  /// probably be used again; null if not.
  [[nodiscard]] virtual Lingering* lingering() noexcept { return nullptr; }
};

/// The result of `File::open`: what is open, what of it the file is, and what becomes of the pages
/// that the kernel keeps of the inode.
struct Opened {
  enum class Caching {
    keep,    ///< they are good
    drop,    ///< they may have come from a damaged file, and have to go
    bypass,  ///< none may be kept, because the file grows
  };

  /// Shared, because a read that still waits outlives the release.
  std::shared_ptr<OpenFile> file;
  Caching caching = Caching::keep;
  Part part = {};

  /// Reads the file; see `OpenFile::read`.
  [[nodiscard]] std::size_t read(std::span<std::byte> buffer, std::uint64_t offset,
                                 const Patience& patience) const {
    return part.read([&](auto wanted, auto at) { return file->read(wanted, at, patience); }, buffer,
                     offset);
  }
};

/// Anything with an inode. Nodes live as long as the mount. Safe for concurrent use.
class Node {
 public:
  explicit Node(InodeNumber inode) : inode_(inode) {}
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  virtual ~Node() = default;

  [[nodiscard]] InodeNumber inode() const noexcept { return inode_; }

  /// Returns what stat(2) shows. Asks no source.
  [[nodiscard]] virtual Attributes attributes() const = 0;
  /// Returns the extended attributes. Asks no source. A symlink has none, because the kernel asks
  /// for none.
  [[nodiscard]] virtual Xattrs xattrs() const { return {}; }

 private:
  InodeNumber inode_;
};

/// A name in a directory. `node` belongs to the mount's inodes.
struct Entry {
  std::string name;
  const Node* node = nullptr;
  /// How long the name leads to this node.
  Clock::duration valid = kForever;
};

/// An entry as a listing shows it: the name belongs to the directory, so that a listing makes no
/// text of each name.
struct Shown {
  std::string_view name;
  const Node* node = nullptr;
  Clock::duration valid = kForever;
};

/// Where an entry stands in its directory's listing. The entries after it have larger positions.
using Position = std::uint64_t;

/// A directory's entries, by ascending inode number. The inode number is the position: a number
/// never comes back, and new ones are always larger, so that names that come or go during a listing
/// neither repeat nor hide others.
using Listing = std::shared_ptr<const std::vector<Entry>>;

class Directory : public Node {
 public:
  using Node::Node;

  /// Returns the entry `name`, which is one component and neither `.` nor `..`, or nothing if there
  /// is no such entry.
  [[nodiscard]] virtual std::optional<Entry> lookup(std::string_view name,
                                                    const Patience& patience) const = 0;
  [[nodiscard]] virtual Listing list(const Patience& patience) const = 0;
  /// Shows the entries after the position `past` in the order of the listing, until `show` returns
  /// false.
  using Show = std::function<bool(const Shown& entry, Position position)>;
  virtual void visit(Position past, const Show& show, const Patience& patience) const;
  /// How long the kernel may believe that a name is absent.
  [[nodiscard]] virtual Clock::duration absence_valid() const { return kForever; }
};

class File : public Node {
 public:
  using Node::Node;

  [[nodiscard]] virtual Opened open(const Patience& patience) const = 0;
  /// Makes the names of this file lead to another node with the same bytes from now on, because the
  /// kernel cannot let go what it holds of this one. To be called only for a file that has a
  /// `whole_file`.
  virtual void replace() const {}
};

class Symlink : public Node {
 public:
  using Node::Node;

  [[nodiscard]] virtual std::string target() const = 0;
};

/// A symlink that digestfs makes. It always has the same target.
class FixedSymlink final : public Symlink {
 public:
  FixedSymlink(InodeNumber inode, std::string target)
      : Symlink(inode), target_(std::move(target)) {}

  [[nodiscard]] std::string target() const override { return target_; }
  [[nodiscard]] Attributes attributes() const override {
    return {.type = FileType::symlink, .size = target_.size()};
  }

 private:
  std::string target_;
};

}  // namespace digestfs::fs
