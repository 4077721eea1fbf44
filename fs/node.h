// SPDX-License-Identifier: Apache-2.0
#pragma once

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

// What a mount consists of. Plain C++: a node returns values or throws; it knows nothing of FUSE.

namespace digestfs::fs {

/// Belongs to one content for ever: never used again for another one, nor given a new meaning.
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
  /// Nothing for what is ours: read-only, and owned by who mounted.
  std::optional<Ownership> ownership = {};
  /// Of a device, as makedev(3) has it.
  std::uint64_t device = 0;
  /// How many bytes are not in holes, where there are holes.
  std::optional<std::uint64_t> stored = {};
  /// How long these hold. Zero for what can change, or is only a placeholder.
  Clock::duration valid = kForever;
};

using Xattrs = std::map<std::string, std::string>;

/// A file that is open. Safe for concurrent use.
class OpenFile {
 public:
  OpenFile() = default;
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  virtual ~OpenFile() = default;

  /// Fills `buffer` from `offset`, less only at the end of the file.
  [[nodiscard]] virtual std::size_t read(std::span<std::byte> buffer, std::uint64_t offset,
                                         const Patience& patience) = 0;
};

/// What `File::open` gives, and what it says about the kernel's cache.
struct Opened {
  enum class Caching {
    keep,    ///< what the kernel has of this inode is still good
    drop,    ///< it has to go: it may have come from a file that was damaged
    bypass,  ///< nothing may be kept: the file grows
  };

  std::unique_ptr<OpenFile> file;
  Caching caching = Caching::keep;
};

/// Anything with an inode. Nodes live as long as the mount. Safe for concurrent use.
class Node {
 public:
  explicit Node(InodeNumber inode) : inode_(inode) {}
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  virtual ~Node() = default;

  [[nodiscard]] InodeNumber inode() const noexcept { return inode_; }

  /// Never asks anybody.
  [[nodiscard]] virtual Attributes attributes() const = 0;
  /// Never asks anybody. Empty for symlinks: the kernel has none there.
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

/// Where an entry stands in its directory's listing: what is listed after it has a larger one.
using Position = std::uint64_t;

/// A directory's entries, by ascending inode number. An inode number never comes back and new ones
/// are always larger, so that it serves as the place in a listing: names that come or go meanwhile
/// neither repeat nor hide others.
using Listing = std::shared_ptr<const std::vector<Entry>>;

class Directory : public Node {
 public:
  using Node::Node;

  /// `name` is one component, neither `.` nor `..`. Nothing where there is no such entry.
  [[nodiscard]] virtual std::optional<Entry> lookup(std::string_view name,
                                                    const Patience& patience) const = 0;
  [[nodiscard]] virtual Listing list(const Patience& patience) const = 0;
  /// Shows the entries past `place` in the order of the listing, until `show` returns false.
  using Show = std::function<bool(const Entry& entry, Position position)>;
  virtual void visit(Position past, const Show& show, const Patience& patience) const;
  /// How long the absence of a name is believed.
  [[nodiscard]] virtual Clock::duration absence_valid() const { return kForever; }
};

class File : public Node {
 public:
  using Node::Node;

  [[nodiscard]] virtual Opened open(const Patience& patience) const = 0;
};

class Symlink : public Node {
 public:
  using Node::Node;

  [[nodiscard]] virtual std::string target() const = 0;
};

/// A link of ours.
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
