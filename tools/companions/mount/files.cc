// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/mount/files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/handle.h"
#include "base/text.h"

namespace digestfs::companions {
namespace {

/// What an error number of a mount means (digestfs(1), ERRORS).
struct Meaning {
  Errc code = Errc::unavailable;
  std::string_view words;
};

std::optional<Meaning> meaning_of(int problem) {
  switch (problem) {
    case ENOENT:
    case ENOTDIR:
      return Meaning{Errc::not_found, "there is no such file"};
    case EACCES:
    case EPERM:
      return Meaning{Errc::denied, "access is denied"};
    case EAGAIN:
      return Meaning{Errc::rate_limited, "the registry asks for fewer requests"};
    case ETIMEDOUT:
      return Meaning{Errc::timed_out, "the source does not answer, and the cache does not have it"};
    case EIO:
      return Meaning{Errc::corrupt, "its content is not as promised or cannot be read"};
    case EFBIG:
      return Meaning{Errc::too_large, "it is over a limit"};
    case ENOTCONN:
    case ECONNABORTED:
      return Meaning{Errc::unavailable, "the digestfs of this mount has ended"};
    case EINTR:
      return Meaning{Errc::interrupted, "it was interrupted"};
    case ELOOP:
      return Meaning{Errc::corrupt, "its links lead in a circle"};
    default:
      return std::nullopt;
  }
}

bool is_absence(int problem) { return problem == ENOENT || problem == ENOTDIR; }

UniqueFd open_to_read(const std::filesystem::path& path) {
  // O_NONBLOCK: a fifo has the name of a file only where somebody wants the program to wait.
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) throw_mount_error("open", path, errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_mount_error("open", path, errno);
  if (!S_ISREG(status.st_mode)) {
    throw Error(Errc::unsupported, str_cat("cannot read ", path.native(), ": it is no file"));
  }
  return file;
}

}  // namespace

void throw_mount_error(std::string_view doing, const std::filesystem::path& path, int problem) {
  const auto meaning = meaning_of(problem);
  const std::string words = meaning ? str_cat(meaning->words, " (", std::strerror(problem), ")")
                                    : std::string(std::strerror(problem));
  throw Error(meaning ? meaning->code : Errc::unavailable,
              str_cat("cannot ", doing, " ", path.native(), ": ", words));
}

std::optional<struct stat> status_of(const std::filesystem::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) return status;
  if (is_absence(errno)) return std::nullopt;
  throw_mount_error("look at", path, errno);
}

std::optional<std::uint64_t> size_of(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return static_cast<std::uint64_t>(status.st_size);
  if (is_absence(errno)) return std::nullopt;
  throw_mount_error("look at", path, errno);
}

std::optional<std::string> link_target(const std::filesystem::path& path) {
  std::array<char, PATH_MAX> target{};
  const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
  if (size >= 0) return std::string(target.data(), static_cast<std::size_t>(size));
  if (is_absence(errno) || errno == EINVAL) return std::nullopt;
  throw_mount_error("read the link", path, errno);
}

std::optional<std::string> attribute(const std::filesystem::path& path, const std::string& name) {
  std::string value(256, '\0');
  for (;;) {
    const ssize_t size = ::getxattr(path.c_str(), name.c_str(), value.data(), value.size());
    if (size >= 0) {
      value.resize(static_cast<std::size_t>(size));
      return value;
    }
    if (errno == ERANGE && value.size() < XATTR_SIZE_MAX) {
      value.resize(XATTR_SIZE_MAX);
      continue;
    }
    if (errno == ENODATA || errno == ENOTSUP || errno == ERANGE || is_absence(errno)) {
      return std::nullopt;
    }
    throw_mount_error("read an attribute of", path, errno);
  }
}

std::map<std::string, std::string> own_attributes(const std::filesystem::path& path) {
  std::map<std::string, std::string> attributes;
  std::string list(XATTR_LIST_MAX, '\0');
  const ssize_t size = ::llistxattr(path.c_str(), list.data(), list.size());
  if (size < 0) {
    if (errno == ENOTSUP || is_absence(errno)) return attributes;
    throw_mount_error("list the attributes of", path, errno);
  }
  list.resize(static_cast<std::size_t>(size));
  std::string value(XATTR_SIZE_MAX, '\0');
  for (std::size_t begin = 0; begin < list.size();) {
    const std::string name = list.substr(begin, list.find('\0', begin) - begin);
    begin += name.size() + 1;
    const ssize_t length = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    if (length < 0 && errno != ENODATA) throw_mount_error("read an attribute of", path, errno);
    if (length >= 0) attributes[name] = value.substr(0, static_cast<std::size_t>(length));
  }
  return attributes;
}

std::optional<std::vector<std::string>> names_in(const std::filesystem::path& path) {
  const std::unique_ptr<DIR, Deleter<::closedir>> folder(::opendir(path.c_str()));
  if (!folder) {
    if (is_absence(errno)) return std::nullopt;
    throw_mount_error("list", path, errno);
  }
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(folder.get());
    if (entry == nullptr) break;
    const std::string_view name(std::data(entry->d_name));
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) throw_mount_error("list", path, errno);
  std::ranges::sort(names);
  return names;
}

std::string read_text(const std::filesystem::path& path, std::size_t limit) {
  const UniqueFd file = open_to_read(path);
  try {
    return read_rest(file.get(), limit);
  } catch (const std::system_error& error) {
    throw_mount_error("read", path, error.code().value());
  }
}

std::uint64_t read_pieces(const std::filesystem::path& path,
                          const std::function<void(std::span<const std::byte>)>& take) {
  const UniqueFd file = open_to_read(path);
  constexpr std::size_t kPiece = std::size_t{1} << 20U;
  std::vector<std::byte> buffer(kPiece);
  std::uint64_t offset = 0;
  for (;;) {
    std::size_t size = 0;
    try {
      size = read_at(file.get(), buffer, offset);
    } catch (const std::system_error& error) {
      throw_mount_error("read", path, error.code().value());
    }
    if (size == 0) return offset;
    take(std::span(buffer).first(size));
    offset += size;
  }
}

bool has_same_content(const std::filesystem::path& a, const std::filesystem::path& b) {
  const UniqueFd file_a = open_to_read(a);
  const UniqueFd file_b = open_to_read(b);
  constexpr std::size_t kPiece = std::size_t{256} << 10U;
  std::vector<std::byte> of_a(kPiece);
  std::vector<std::byte> of_b(kPiece);
  const auto read = [](const UniqueFd& file, std::vector<std::byte>& buffer, std::uint64_t offset,
                       const std::filesystem::path& path) {
    try {
      return std::span(buffer).first(read_at(file.get(), buffer, offset));
    } catch (const std::system_error& error) {
      throw_mount_error("read", path, error.code().value());
    }
  };
  for (std::uint64_t offset = 0;; offset += kPiece) {
    const auto piece = read(file_a, of_a, offset, a);
    if (!std::ranges::equal(piece, read(file_b, of_b, offset, b))) return false;
    if (piece.size() < kPiece) return true;
  }
}

std::optional<std::filesystem::path> real_path(const std::filesystem::path& path) {
  std::array<char, PATH_MAX> real{};
  if (::realpath(path.c_str(), real.data()) != nullptr) return std::filesystem::path(real.data());
  if (is_absence(errno)) return std::nullopt;
  throw_mount_error("look at", path, errno);
}

}  // namespace digestfs::companions
