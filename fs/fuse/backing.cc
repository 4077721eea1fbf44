// SPDX-License-Identifier: Apache-2.0
#include "fs/fuse/backing.h"

#include <cerrno>
#include <cstdint>

#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <sys/ioctl.h>

namespace digestfs::fs {
namespace {

// Debian 12's linux/fuse.h (protocol 7.38) does not have these yet.
struct BackingMap {
  std::int32_t fd;
  std::uint32_t flags;
  std::uint64_t padding;
};
constexpr unsigned long kOpenBacking = _IOW(FUSE_DEV_IOC_MAGIC, 1, BackingMap);
constexpr unsigned long kCloseBacking = _IOW(FUSE_DEV_IOC_MAGIC, 2, std::uint32_t);

}  // namespace

// libfuse's fuse_passthrough_open(3) logs each refusal as an error, and does not return why.
Backings::Result KernelBackings::open(int file) {
  BackingMap map{.fd = file, .flags = 0, .padding = 0};
  const int backing = ::ioctl(fuse_session_fd(session_), kOpenBacking, &map);
  if (backing > 0) return {.backing = backing};
  return {.error = backing < 0 ? errno : EIO};
}

void KernelBackings::close(int backing) noexcept {
  const auto number = static_cast<std::uint32_t>(backing);
  ::ioctl(fuse_session_fd(session_), kCloseBacking, &number);
}

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)

bool ask_for_passthrough(fuse_conn_info& connection, Channel& /*channel*/) {
  if ((connection.capable & FUSE_CAP_PASSTHROUGH) == 0) return false;
  connection.want |= static_cast<unsigned>(FUSE_CAP_PASSTHROUGH);
  // An overlay may have the mount as a lower layer, but the cache may not be on an overlay.
  connection.max_backing_stack_depth = 0;
  return true;
}

int reply_open(fuse_req* request, fuse_file_info& file, int backing) {
  file.backing_id = backing;
  return fuse_reply_open(request, &file);
}

#else

namespace {

constexpr std::uint64_t kInitPassthrough = std::uint64_t{1} << 37U;
constexpr std::uint32_t kOpenPassthrough = 1U << 7U;
struct OpenReply {
  std::uint64_t handle;
  std::uint32_t flags;
  std::int32_t backing;
};
// An overlay may have the mount as a lower layer, but the cache may not be on an overlay.
constexpr std::uint32_t kStackDepth = 1;

}  // namespace

bool ask_for_passthrough(fuse_conn_info& /*connection*/, Channel& channel) {
  if ((channel.offered_flags() & kInitPassthrough) == 0) return false;
  channel.add_to_hello(kInitPassthrough, kStackDepth);
  return true;
}

int reply_open(fuse_req* request, fuse_file_info& file, int backing) {
  if (backing == 0) return fuse_reply_open(request, &file);
  OpenReply reply{.handle = file.fh, .flags = kOpenPassthrough, .backing = backing};
  if (file.noflush != 0) reply.flags |= FOPEN_NOFLUSH;
  return fuse_reply_buf(request, reinterpret_cast<const char*>(&reply), sizeof reply);
}

#endif

}  // namespace digestfs::fs
