// SPDX-License-Identifier: Apache-2.0
#include "base/log_file.h"

#include <string>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
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

void add(int file, const std::string& time, const std::string& text) {
  const std::string whole = str_cat(time, " ", text, "\n");
  [[maybe_unused]] const ssize_t ignored = ::write(file, whole.data(), whole.size());
}

}  // namespace

LogFile::LogFile(std::filesystem::path path)
    : path_(std::move(path)), file_(open_to_append(path_)) {}

void LogFile::write(const LogLine& line) noexcept try {
  if (is_to_be_opened_again_.exchange(false)) {
    try {
      file_ = open_to_append(path_);
    } catch (const std::exception& error) {
      add(file_.get(), line.time, str_cat("warning: ", error.what()));
    }
  }
  add(file_.get(), line.time, line.text);
} catch (...) {
  // There is nowhere left to say so.
}

}  // namespace digestfs
