// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/handle.h"
#include "base/text.h"
#include "tools/companions/graph/drawing.h"

namespace digestfs::companions {
namespace {

/// Starts the program `dot` with `input` as its standard input.
pid_t start_dot(int input) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  std::string program = "dot";
  std::string format = "-Tsvg";
  const std::array<char*, 3> words = {program.data(), format.data(), nullptr};
  pid_t pid = 0;
  const int problem =
      ::posix_spawnp(&pid, program.c_str(), &actions, nullptr, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (problem == ENOENT) {
    throw Error(Errc::unsupported,
                "--svg needs the program dot, which is not installed (Debian: apt install "
                "graphviz); --dot prints what it would draw");
  }
  if (problem != 0) {
    throw Error(Errc::unavailable, str_cat("cannot start dot: ", std::strerror(problem)));
  }
  return pid;
}

}  // namespace

void write_svg(const std::string& dot) {
  // A file and no pipe: nothing can wait for the other.
  const UniqueFd input(::memfd_create("graph", MFD_CLOEXEC));
  if (!input) throw_system_error("make a file in memory");
  write_all(input.get(), as_bytes(dot));
  if (::lseek(input.get(), 0, SEEK_SET) != 0) throw_system_error("go back in a file");
  const pid_t pid = start_dot(input.get());
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) throw_system_error("wait for dot");
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw Error(Errc::unavailable, "the program dot failed");
  }
}

}  // namespace digestfs::companions
