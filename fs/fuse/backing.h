// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fs/fuse/channel.h"
#include "fs/fuse/passthrough.h"

struct fuse_conn_info;
struct fuse_file_info;
struct fuse_req;
struct fuse_session;

// How the kernel is told of passthrough (linux/fuse.h, protocol 7.40): in libfuse's words from
// version 3.17 on. An older libfuse has none, and the daemon uses the kernel's.

namespace digestfs::fs {

/// Asks for passthrough in the reply to INIT, which is `connection` for libfuse. To be called by
/// the INIT callback. Returns false if the kernel does not offer passthrough.
[[nodiscard]] bool ask_for_passthrough(fuse_conn_info& connection, Channel& channel);

/// Replies to the OPEN `request`. A `backing` other than 0 is what the kernel reads by itself; it
/// goes neither with `keep_cache` nor with `direct_io`.
/// Returns what fuse_reply_open(3) returns.
[[nodiscard]] int reply_open(fuse_req* request, fuse_file_info& file, int backing);

/// The backings of the connection of `session`.
class KernelBackings final : public Backings {
 public:
  explicit KernelBackings(fuse_session* session) : session_(session) {}

  [[nodiscard]] Result open(int file) override;
  void close(int backing) noexcept override;

 private:
  fuse_session* session_;
};

}  // namespace digestfs::fs
