// SPDX-License-Identifier: Apache-2.0
#include "registry/local/containers/store_lock.h"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include <fcntl.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/host/back_off.h"

namespace digestfs::registry {
namespace {

constexpr std::chrono::seconds kQuestion{4};
constexpr std::chrono::seconds kContent{30};
constexpr std::chrono::milliseconds kPause{20};

/// Tries to lock the open file. Returns false if another process has it locked for writing.
bool try_lock(int fd) {
  struct flock lock {};
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  // F_OFD_SETLK meets the locks of F_SETLK that Go's processes take, and is not lost when another
  // thread closes another descriptor of the file.
  if (::fcntl(fd, F_OFD_SETLK, &lock) == 0) return true;
  if (errno == EAGAIN || errno == EACCES || errno == EINTR) return false;
  // A file system without locks, or one that is full of them, does not make the store unreadable:
  // records are replaced by rename, never written in place.
  DIGESTFS_LOG(debug, "cannot lock a store errno=", errno);
  return true;
}

}  // namespace

StoreLock::StoreLock(const Folder& folder, const std::string& name, const Request& request) {
  auto file = folder.file(name);
  if (!file) return;
  const auto deadline = request.deadline.value_or(Clock::time_point::max());
  while (!try_lock(file->get())) {
    if (Clock::now() >= deadline) {
      throw Error(Errc::timed_out, str_cat("another process has locked ", name,
                                           " for writing, and keeps it locked"));
    }
    sleep_until(std::min(deadline, Clock::now() + kPause), request.stop);
  }
  fd_ = *std::move(file);
}

Request StoreLock::bounded(Request request) {
  const auto most = Clock::now() + (request.urgency == Urgency::question ? kQuestion : kContent);
  request.deadline = std::min(request.deadline.value_or(most), most);
  return request;
}

}  // namespace digestfs::registry
