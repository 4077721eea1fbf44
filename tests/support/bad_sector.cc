// SPDX-License-Identifier: Apache-2.0
#include "tests/support/bad_sector.h"

#include <atomic>
#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"

namespace {

std::atomic<ino_t> bad_inode = 0;
std::atomic<std::int64_t> slow_from = INT64_MAX;
std::atomic<int> slow_reads = 0;

}  // namespace

// In place of the C library's: all reads of the cache come here (base/file.cc).
extern "C" ssize_t pread(int fd, void* buffer, std::size_t size, off_t offset) {
  struct stat status {};
  for (auto from = slow_from.load(); from != INT64_MAX; from = slow_from) {
    if (::fstat(fd, &status) != 0 || status.st_size < from) break;
    ++slow_reads;
    slow_reads.notify_all();
    slow_from.wait(from);
    --slow_reads;
  }
  if (bad_inode != 0 && ::fstat(fd, &status) == 0 && status.st_ino == bad_inode) {
    errno = EIO;
    return -1;
  }
  return ::syscall(SYS_pread64, fd, buffer, size, offset);
}

namespace digestfs::test {

BadSector::BadSector(const std::filesystem::path& file)
    : file_(open_file(AT_FDCWD, file, O_RDONLY)) {
  struct stat status {};
  if (::fstat(file_.get(), &status) == 0) bad_inode = status.st_ino;
}

BadSector::~BadSector() { bad_inode = 0; }

SlowDisk::SlowDisk(std::int64_t bytes) { slow_from = bytes; }

SlowDisk::~SlowDisk() {
  slow_from = INT64_MAX;
  slow_from.notify_all();
}

void SlowDisk::await(int reads) {
  for (int waiting = slow_reads; waiting < reads; waiting = slow_reads) slow_reads.wait(waiting);
}

}  // namespace digestfs::test
