// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>

#include "fs/fuse/channel.h"
#include "fs/fuse/open_files.h"
#include "fs/fuse/parking.h"
#include "fs/fuse/passthrough.h"
#include "fs/fuse/stat.h"
#include "fs/inodes.h"

struct fuse_lowlevel_ops;
struct fuse_session;

namespace digestfs::fs {

/// The kernel's requests, answered from the nodes of a mount. The only code that replies: every
/// callback completes its value first and then replies once, now or, when it has to wait, from
/// `parking`.
class Operations {
 public:
  /// `ready` is called once, when the kernel has said hello. Without `passthrough` the kernel asks
  /// for all bytes.
  Operations(const Inodes& inodes, Parking& parking, PassthroughState* passthrough,
             std::function<void()> ready);

  /// The callbacks, to be registered with this object as their user data.
  [[nodiscard]] static const fuse_lowlevel_ops& table();

  /// Sets the session that calls these operations. It is made with this object, so that it comes
  /// later.
  void set_session(fuse_session* session) noexcept { session_ = session; }
  [[nodiscard]] fuse_session* session() const noexcept { return session_; }
  [[nodiscard]] const Inodes& inodes() const noexcept { return inodes_; }
  [[nodiscard]] Parking& parking() const noexcept { return parking_; }
  [[nodiscard]] Channel& channel() noexcept { return channel_; }
  [[nodiscard]] OpenFiles& open_files() noexcept { return open_files_; }
  /// Absent if the user wants no passthrough.
  [[nodiscard]] std::optional<Passthrough>& passthrough() noexcept { return passthrough_; }
  [[nodiscard]] const MountOwner& owner() const noexcept { return owner_; }
  void is_ready() const { ready_(); }

 private:
  // Constant after construction.
  const Inodes& inodes_;
  Parking& parking_;
  std::function<void()> ready_;
  MountOwner owner_;
  fuse_session* session_ = nullptr;
  // Synchronise themselves.
  Channel channel_;
  OpenFiles open_files_;
  std::optional<Passthrough> passthrough_;
};

}  // namespace digestfs::fs
