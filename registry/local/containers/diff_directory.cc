// SPDX-License-Identifier: Apache-2.0
#include "registry/local/containers/diff_directory.h"

#include <cerrno>
#include <string_view>

#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"
#include "registry/local/confined.h"

namespace digestfs::registry {
UniqueFd DiffDirectory::open(const std::string& name) const {
  const auto fail = [&](Errc code, std::string_view why) {
    return Error(code, str_cat("its file ", escaped(shortened(name, 200)), " ", why));
  };
  if (name.find('\0') != std::string::npos) throw fail(Errc::corrupt, "has a name that is none");
  UniqueFd file = open_confined(folder_.fd(), name, Confinement::root);
  if (!file) {
    switch (errno) {
      case EACCES:
      case EPERM:
        throw fail(Errc::denied,
                   "cannot be read by this user; in the store of a user who is not root, "
                   "`podman unshare digestfs …` can read it");
      case ENOENT:
      case ENOTDIR:
        throw fail(Errc::corrupt, "is missing");
      case ELOOP:
      case EXDEV:
      case ENXIO:
      case ENAMETOOLONG:
        throw fail(Errc::corrupt, "is no regular file");
      default:
        throw_system_error(str_cat("open ", escaped(name)));
    }
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_system_error(str_cat("stat ", escaped(name)));
  if (!S_ISREG(status.st_mode)) throw fail(Errc::corrupt, "is no regular file");
  return file;
}

}  // namespace digestfs::registry
