// SPDX-License-Identifier: Apache-2.0
#include "tests/support/cache_folder.h"

#include <array>
#include <fstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

namespace digestfs::test {

void CacheFolder::become_nobody(const std::vector<std::filesystem::path>& owned) const {
  if (::geteuid() != 0) return;
  constexpr uid_t kNobody = 65534;
  for (const auto& file : owned) {
    if (::lchown(file.c_str(), kNobody, kNobody) != 0) throw_system_error("give away");
  }
  std::filesystem::permissions(directory_.path(), std::filesystem::perms(0711));
  if (::setresuid(kNobody, kNobody, kNobody) != 0) throw_system_error("become nobody");
}

Digest keep(const cache::Store& store, const std::string& bytes, cache::Area area) {
  const Digest digest = digest_of(bytes);
  cache::Partial partial = store.take_partial(digest, {});
  partial.write(as_bytes(bytes));
  store.publish(std::move(partial), area, digest);
  return digest;
}

std::optional<std::string> content(const cache::Store& store, cache::Area area,
                                   const Digest& digest) {
  const auto file = store.open(area, digest);
  if (!file) return std::nullopt;
  return read_rest(file->get(), std::size_t{64} << 20U);
}

cache::Partial partial_of(const cache::Store& store, const std::string& promised,
                          std::string_view came) {
  cache::Partial partial = store.take_partial(digest_of(promised), {});
  partial.write(as_bytes(came));
  return partial;
}

void plant(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

void put_in_the_way(const std::filesystem::path& path, std::string_view what) {
  std::filesystem::create_directories(path.parent_path());
  if (what == "file") {
    plant(path, "mine");
  } else if (what == "folder") {
    std::filesystem::create_directory(path);
  } else if (what == "full folder") {
    plant(path / "file", "mine");
  } else if (what == "link") {
    std::filesystem::create_symlink("/dev/null", path);
  } else if (::mkfifo(path.c_str(), 0600) != 0) {
    throw_system_error("make a fifo");
  }
}

void set_time(const std::filesystem::path& path, std::time_t time) {
  const std::array<timespec, 2> times = {{{time, 0}, {time, 0}}};
  if (::utimensat(AT_FDCWD, path.c_str(), times.data(), 0) != 0) throw_system_error("set a time");
}

mode_t mode_of(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw_system_error("stat");
  return status.st_mode & 07777U;
}

}  // namespace digestfs::test
