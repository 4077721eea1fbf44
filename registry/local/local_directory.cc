// SPDX-License-Identifier: Apache-2.0
#include "registry/local/local_directory.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>

#include "base/error.h"
#include "base/text.h"

namespace digestfs::registry {

LocalDirectory open_directory(std::string_view scheme, const std::filesystem::path& path) {
  auto absolute = std::filesystem::absolute(path).lexically_normal();
  // A slash at the end makes no other source.
  if (!absolute.has_filename()) absolute = absolute.parent_path();
  LocalDirectory directory{.name = str_cat(scheme, absolute.native()), .fd = {}};
  const int fd = ::open(absolute.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    const int problem = errno;
    const bool is_absent = problem == ENOENT || problem == ENOTDIR;
    const bool is_denied = problem == EACCES || problem == EPERM;
    if (!is_absent && !is_denied) throw_system_error(str_cat("open ", directory.name));
    throw Error(
        is_absent ? Errc::not_found : Errc::denied,
        str_cat("cannot open ", directory.name, ": ", std::generic_category().message(problem)));
  }
  directory.fd = UniqueFd(fd);
  return directory;
}

}  // namespace digestfs::registry
