// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <linux/fuse.h>

#include "base/handle.h"
#include "fs/fuse/session.h"

namespace digestfs::test {

/// The kernel's side of the FUSE protocol over a socketpair: sends requests, reads replies. A tree
/// is served to it without /dev/fuse, a mount, or root.
class FakeKernel {
 public:
  struct Reply {
    std::uint64_t unique = 0;
    int error = 0;  ///< 0 or a positive errno
    std::vector<std::byte> body;

    /// The reply's body as the struct it starts with.
    template <class T>
    [[nodiscard]] T as() const;
    [[nodiscard]] std::string text() const;
  };

  struct DirectoryEntry {
    std::string name;
    std::uint64_t inode = 0;
    std::uint64_t cookie = 0;
    fuse_entry_out entry{};
  };

  /// What is said at the start.
  struct Hello {
    std::uint64_t offered = 0;  ///< flags that the kernel offers besides the usual ones
    fs::PassthroughState* passthrough = nullptr;
  };

  /// Serves `inodes` in a thread of its own and says hello. `quiesce` as for `Session::run`.
  explicit FakeKernel(
      const fs::Inodes& inodes, std::function<void()> quiesce = [] {})
      : FakeKernel(inodes, std::move(quiesce), Hello()) {}
  FakeKernel(const fs::Inodes& inodes, std::function<void()> quiesce, const Hello& said);
  /// Closes what is open, hangs up and waits for the session to end.
  ~FakeKernel();

  FakeKernel(const FakeKernel&) = delete;
  FakeKernel& operator=(const FakeKernel&) = delete;

  /// What the session answered to INIT.
  [[nodiscard]] const fuse_init_out& hello() const noexcept { return hello_; }

  /// Sends a request; returns its number.
  std::uint64_t send(std::uint32_t opcode, std::uint64_t inode, std::string_view body = {});
  /// The reply to request `unique`, keeping others for later. Fails the test after 10 s.
  Reply wait(std::uint64_t unique);
  /// Whether the reply to `unique` is there already.
  [[nodiscard]] bool has_reply(std::uint64_t unique);
  /// Sends, and waits for the reply.
  Reply call(std::uint32_t opcode, std::uint64_t inode, std::string_view body = {});

  Reply lookup(std::uint64_t parent, std::string_view name);
  std::uint64_t send_lookup(std::uint64_t parent, std::string_view name);
  void interrupt(std::uint64_t unique);
  /// Follows `path` (no links) from the root; the inode. Fails the test where it does not exist.
  std::uint64_t walk(std::string_view path);
  /// All entries but `.` and `..`, read in small pages.
  std::vector<DirectoryEntry> list(std::uint64_t inode);
  /// Opens and reads the whole file; the error of either.
  struct Content {
    int error = 0;
    std::string text;
  };
  Content read_file(std::uint64_t inode);
  std::string readlink(std::uint64_t inode);
  fuse_attr_out getattr(std::uint64_t inode);
  /// The value of an extended attribute; nothing for ENODATA.
  std::optional<std::string> xattr(std::uint64_t inode, std::string_view name);

  std::uint64_t send_open(std::uint64_t inode, std::uint32_t flags = 0);
  std::uint64_t send_list(std::uint64_t inode, std::uint64_t cookie = 0);
  /// `size` bytes of an open file from `offset`.
  Reply read(std::uint64_t inode, std::uint64_t handle, std::uint64_t offset, std::uint32_t size);
  /// getxattr(2) with room for `size` bytes; for an empty `name` listxattr(2).
  Reply getxattr(std::uint64_t inode, std::string_view name, std::uint32_t size);

  /// Closes what is open, sends nothing any more and waits for the session to end. What it still
  /// answered can be read.
  void hang_up();

  /// Messages of the session's own accord (notifications) seen so far.
  [[nodiscard]] const std::vector<Reply>& notifications() const noexcept { return notifications_; }

 private:
  bool receive(int timeout_ms);
  void release_all();

  UniqueFd socket_;
  std::unique_ptr<fs::Session> session_;
  std::jthread serving_;
  std::uint64_t last_unique_ = 0;
  std::vector<std::byte> message_;                  ///< room for one, made once
  std::map<std::uint64_t, std::uint64_t> opens_;    ///< inodes by the request that opens them
  std::map<std::uint64_t, std::uint64_t> handles_;  ///< inodes by the handle of their open file
  std::vector<Reply> replies_;
  std::vector<Reply> notifications_;
  fuse_init_out hello_{};
};

template <class T>
T FakeKernel::Reply::as() const {
  T value{};
  const auto bytes = std::as_writable_bytes(std::span(&value, 1));
  for (std::size_t i = 0; i < bytes.size() && i < body.size(); ++i) bytes[i] = body[i];
  return value;
}

}  // namespace digestfs::test
