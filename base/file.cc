// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"

namespace digestfs {

UniqueFd open_file(int directory, const std::filesystem::path& path, int flags, unsigned mode) {
  for (;;) {
    const int fd = ::openat(directory, path.c_str(), flags | O_CLOEXEC, mode);
    if (fd >= 0) return UniqueFd(fd);
    if (errno != EINTR) throw_system_error(str_cat("open ", path.native()));
  }
}

std::optional<UniqueFd> open_regular(int directory, const std::filesystem::path& path,
                                     Links links) {
  // O_NONBLOCK: opening a fifo waits for its other end.
  const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  int fd = -1;
  do {
    fd = ::openat(directory, path.c_str(), links == Links::refused ? flags | O_NOFOLLOW : flags);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) {
    // ELOOP is a link, ENXIO a socket or a device without a driver.
    const bool is_absent = errno == ENOENT || errno == ENOTDIR || errno == ENXIO ||
                           (errno == ELOOP && links == Links::refused);
    if (is_absent) return std::nullopt;
    throw_system_error(str_cat("open ", path.native()));
  }
  UniqueFd file(fd);
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw_system_error(str_cat("stat ", path.native()));
  if (!S_ISREG(status.st_mode)) return std::nullopt;
  return file;
}

std::size_t read_at(int fd, std::span<std::byte> buffer, std::uint64_t offset) {
  std::size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t got =
        ::pread(fd, buffer.data() + done, buffer.size() - done, static_cast<off_t>(offset + done));
    if (got < 0) {
      if (errno == EINTR) continue;
      throw_system_error("read");
    }
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

void write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0) {
      if (errno == EINTR) continue;
      throw_system_error("write");
    }
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
}

void write_all_at(int fd, std::span<const std::byte> bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0) {
      if (errno == EINTR) continue;
      throw_system_error("write");
    }
    bytes = bytes.subspan(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
}

std::string read_rest(int fd, std::size_t limit) {
  std::string text;
  std::array<char, 65536> chunk;
  for (;;) {
    const ssize_t got = ::read(fd, chunk.data(), chunk.size());
    if (got < 0) {
      if (errno == EINTR) continue;
      throw_system_error("read");
    }
    if (got == 0) return text;
    if (text.size() + static_cast<std::size_t>(got) > limit) {
      throw Error(Errc::too_large, str_cat("the file is larger than ", limit, " bytes"));
    }
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace digestfs
