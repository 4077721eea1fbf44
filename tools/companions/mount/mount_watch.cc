// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/mount/mount_watch.h"

#include <utility>

#include <sys/stat.h>

namespace digestfs::companions {
namespace {

std::optional<dev_t> device_of(const std::filesystem::path& path) noexcept {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return status.st_dev;
}

}  // namespace

MountWatch::MountWatch(std::filesystem::path path)
    : path_(std::move(path)), device_(device_of(path_)) {}

bool MountWatch::has_ended() const noexcept {
  const auto device = device_of(path_);
  return !device || device != device_;
}

}  // namespace digestfs::companions
