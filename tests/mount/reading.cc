// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/reading.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/handle.h"
#include "base/text.h"

namespace digestfs::test {
namespace {

using namespace std::chrono_literals;

// A lookup waits for the registry for 5 s at most (promise 5), and there are three on the way to
// what a link in an image directory leads to.
constexpr auto kLookupDeadline = 15s;
// More than any sum of attempts, waits and stalls of one open(2) with --timeout 2; a test of these
// sums is in client_retry_test.cc.
constexpr auto kReadDeadline = 60s;

/// Fails the test where its life is too long.
class Deadline {
 public:
  Deadline(std::chrono::seconds limit, std::string what) : limit_(limit), what_(std::move(what)) {}
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline() { EXPECT_LT(std::chrono::steady_clock::now() - since_, limit_) << "I4 " << what_; }

 private:
  std::chrono::seconds limit_;
  std::string what_;
  std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

/// The errno of what returned -1; 0 for anything else.
int error_of(ssize_t result) { return result < 0 ? errno : 0; }

void read_content(const char* path, Reading& reading) {
  const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  reading.error = error_of(file.get());
  std::array<char, 65536> buffer{};
  while (reading.error == 0) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    reading.error = error_of(got);
    if (got <= 0) return;
    reading.seen.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

void read_names(const char* path, Reading& reading) {
  const std::unique_ptr<DIR, Deleter<::closedir>> directory(::opendir(path));
  std::set<std::string> names;
  errno = 0;
  while (directory) {
    errno = 0;
    const dirent* const entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    const std::string name = static_cast<const char*>(entry->d_name);
    if (name != "." && name != "..") names.insert(name);
  }
  reading.error = errno;
  for (const std::string& name : names) reading.seen += name + "\n";
}

void read_target(const char* path, Reading& reading) {
  std::array<char, PATH_MAX> buffer{};
  const ssize_t size = ::readlink(path, buffer.data(), buffer.size());
  reading.error = error_of(size);
  if (size > 0) reading.seen.assign(buffer.data(), static_cast<std::size_t>(size));
}

}  // namespace

Reading content(const std::string& path, const std::string& bytes) {
  return {Reading::Of::content, path, 0, bytes};
}

Reading no_content(const std::string& path, int error) {
  return {Reading::Of::content, path, error};
}

Reading names(const std::string& path, const std::set<std::string>& names) {
  Reading reading{Reading::Of::names, path};
  for (const std::string& name : names) reading.seen += name + "\n";
  return reading;
}

Reading no_names(const std::string& path, int error) { return {Reading::Of::names, path, error}; }

Reading target(const std::string& path, const std::string& target) {
  return {Reading::Of::target, path, 0, target};
}

Reading look(const std::filesystem::path& mountpoint, Reading::Of of, const std::string& path) {
  Reading reading{of, path};
  const std::filesystem::path full = mountpoint / path;
  struct stat status {};
  {
    const Deadline deadline(kLookupDeadline, "lookup of " + path);
    reading.error = error_of(::lstat(full.c_str(), &status));
  }
  if (reading.error == 0 && S_ISLNK(status.st_mode) && of != Reading::Of::target) {
    const Deadline deadline(kLookupDeadline, "lookup behind " + path);
    reading.error = error_of(::stat(full.c_str(), &status));
  }
  if (reading.error != 0) return reading;
  const Deadline deadline(kReadDeadline, "reading " + path);
  switch (of) {
    case Reading::Of::content:
      read_content(full.c_str(), reading);
      break;
    case Reading::Of::names:
      read_names(full.c_str(), reading);
      break;
    case Reading::Of::target:
      read_target(full.c_str(), reading);
      break;
  }
  return reading;
}

void expect(const std::filesystem::path& mountpoint, const Reading& reading) {
  const Reading found = look(mountpoint, reading.of, reading.path);
  EXPECT_EQ(found.error, reading.error) << reading.path;
  // Not by EXPECT_EQ, which compares line by line to show what differs.
  if (found.seen == reading.seen) return;
  constexpr std::size_t kShown = 1000;
  ADD_FAILURE() << reading.path << " shows " << found.seen.size() << " bytes:\n"
                << escaped(std::string_view(found.seen).substr(0, kShown)) << "\ninstead of "
                << reading.seen.size() << ":\n"
                << escaped(std::string_view(reading.seen).substr(0, kShown));
}

std::string xattrs_of(const std::filesystem::path& path) {
  std::array<char, 65536> buffer{};
  const ssize_t size = ::listxattr(path.c_str(), buffer.data(), buffer.size());
  std::string all;
  for (ssize_t at = 0; at < size;) {
    const std::string name = buffer.data() + at;
    at += static_cast<ssize_t>(name.size()) + 1;
    std::array<char, 4096> value{};
    const ssize_t got = ::getxattr(path.c_str(), name.c_str(), value.data(), value.size());
    all +=
        str_cat(name, "=",
                std::string_view(value.data(), got > 0 ? static_cast<std::size_t>(got) : 0), "\n");
  }
  return all;
}

}  // namespace digestfs::test
