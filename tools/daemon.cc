// SPDX-License-Identifier: Apache-2.0
#include "tools/daemon.h"

#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"

namespace digestfs::tools {

Daemon Daemon::start() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_system_error("make a pipe");
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) throw_system_error("fork");
  if (child == 0) return Daemon(std::move(writing));
  writing = UniqueFd();
  char ready = 0;
  ssize_t got = 0;
  do {
    got = ::read(reading.get(), &ready, 1);
  } while (got < 0 && errno == EINTR);
  if (got == 1) ::_exit(0);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

void Daemon::is_ready() {
  if (!parent_) return;
  ::setsid();
  log_to_syslog();
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (null) {
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
      ::dup2(null.get(), stream);
    }
  }
  if (::chdir("/") != 0) DIGESTFS_LOG(warning, "cannot leave the working directory");
  const char ready = 1;
  [[maybe_unused]] const ssize_t ignored = ::write(parent_.get(), &ready, 1);
  parent_ = UniqueFd();
}

}  // namespace digestfs::tools
