// SPDX-License-Identifier: Apache-2.0
#include "tests/support/mounted.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace digestfs::test {
namespace {

using namespace std::chrono_literals;

dev_t device_of(const std::filesystem::path& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 ? status.st_dev : 0;
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "digestfs-test.XXXXXX").native();
  if (::mkdtemp(name.data()) == nullptr) throw_system_error("make a temporary directory");
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Process::Process(const std::vector<std::string>& arguments, const std::filesystem::path& log) {
  std::vector<char*> words;
  for (const std::string& argument : arguments)
    words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  const int problem = ::posix_spawnp(&pid_, words[0], &actions, nullptr, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (problem != 0) {
    errno = problem;
    throw_system_error(str_cat("start ", arguments.front()));
  }
}

Process::~Process() {
  if (wait(0ms) >= 0) return;
  ::kill(pid_, SIGKILL);
  wait(5000ms);
}

void Process::signal(int number) const { ::kill(pid_, number); }

int Process::wait(std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (status_ < 0) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      break;
    }
    if (std::chrono::steady_clock::now() >= until) return -1;
    std::this_thread::sleep_for(5ms);
  }
  return status_;
}

Mounted::Mounted(const std::string& binary, const std::string& source,
                 const std::vector<std::string>& options,
                 const std::vector<std::string>& environment)
    : mountpoint_(directory_.path() / "mnt"), cache_(directory_.path() / "cache") {
  std::filesystem::create_directory(mountpoint_);
  std::vector<std::string> arguments = {"env"};
  arguments.insert(arguments.end(), environment.begin(), environment.end());
  arguments.insert(arguments.end(), {binary, "-f"});
  const auto named = std::ranges::find(options, "--cache-dir");
  if (named != options.end()) {
    cache_ = *std::next(named);
  } else {
    arguments.insert(arguments.end(), {"--cache-dir", cache_.native()});
  }
  arguments.insert(arguments.end(), options.begin(), options.end());
  arguments.push_back(source);
  arguments.push_back(mountpoint_.native());
  process_ = std::make_unique<Process>(arguments, directory_.path() / "log");
  for (int i = 0; i < 4000; ++i) {
    if (is_mounted()) return;
    if (const int code = process_->wait(0ms); code >= 0) {
      throw std::runtime_error(str_cat("digestfs exited with ", code, ": ", log()));
    }
    std::this_thread::sleep_for(5ms);
  }
  throw std::runtime_error(str_cat("digestfs does not mount: ", log()));
}

Mounted::~Mounted() {
  process_->signal(SIGTERM);
  if (process_->wait(10000ms) < 0) process_.reset();
  if (log().find("Sanitizer") != std::string::npos) ADD_FAILURE() << log();
  if (!is_mounted()) return;
  // Left behind by a daemon that died: only the kernel's side is to be cleared.
  TemporaryDirectory scratch;
  Process unmount({"umount", "-l", mountpoint_.native()}, scratch.path() / "log");
  unmount.wait(5000ms);
}

bool Mounted::is_mounted() const { return device_of(mountpoint_) != device_of(directory_.path()); }

std::string Mounted::log() const {
  std::ifstream file(directory_.path() / "log");
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

bool Mounted::await_log(std::string_view text) const {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (log().find(text) == std::string::npos) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

bool can_mount() { return ::access("/dev/fuse", R_OK | W_OK) == 0; }

void await_file(const std::filesystem::path& path) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!std::filesystem::exists(path) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

std::string slurp(const std::filesystem::path& path) {
  const UniqueFd file = open_file(AT_FDCWD, path, O_RDONLY);
  return read_rest(file.get(), std::size_t{1} << 30U);
}

void for_each_file(
    const std::filesystem::path& folder,
    const std::function<void(const std::filesystem::path&, const std::string&)>& look) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::filesystem::exists(folder)) {
    try {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (entry.is_regular_file()) look(entry.path(), slurp(entry.path()));
      }
      return;
    } catch (const std::system_error& error) {
      const bool is_gone = error.code() == std::errc::no_such_file_or_directory;
      if (!is_gone || std::chrono::steady_clock::now() > deadline) throw;
    }
  }
}

std::vector<std::string> wrong_files(const std::filesystem::path& cache) {
  std::set<std::string> wrong;
  for (const char* area : {"blobs", "diffs", "quarantine"}) {
    for_each_file(cache / area, [&wrong](const auto& path, const auto& content) {
      const std::string algorithm = path.parent_path().filename();
      const std::string name = algorithm + ":" + path.filename().native();
      if (digest_of(content, algorithm).str() != name) wrong.insert(path);
    });
  }
  return {wrong.begin(), wrong.end()};
}

}  // namespace digestfs::test
