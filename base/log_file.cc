// SPDX-License-Identifier: Apache-2.0
#include "base/log_file.h"

#include <chrono>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/rfc3339.h"
#include "base/text.h"

namespace digestfs {
namespace {

/// Opens the file without waiting: a fifo that nobody reads would hold the program.
UniqueFd open_to_append(const std::filesystem::path& path) {
  constexpr mode_t kOwnerOnly = 0600;
  UniqueFd file(
      ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, kOwnerOnly));
  if (!file) throw_system_error(str_cat("open the log file ", path.native()));
  return file;
}

}  // namespace

LogFile::LogFile(std::filesystem::path path)
    : path_(std::move(path)), file_(open_to_append(path_)) {}

void LogFile::write(const std::string& line) noexcept try {
  const std::string whole =
      str_cat(rfc3339_text(std::chrono::system_clock::now()), " ", line, "\n");
  const std::lock_guard lock(mutex_);
  [[maybe_unused]] const ssize_t ignored = ::write(file_.get(), whole.data(), whole.size());
} catch (...) {
  // There is nowhere left to say so.
}

void LogFile::open_again() {
  UniqueFd file = open_to_append(path_);
  const std::lock_guard lock(mutex_);
  file_ = std::move(file);
}

}  // namespace digestfs
