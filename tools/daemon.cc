// SPDX-License-Identifier: Apache-2.0
#include "tools/daemon.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"

namespace digestfs::tools {
namespace {

/// Passes the signals that `signals` reads on to `child`, until `child` says that it is ready or
/// its end of the pipe is closed. Returns true if it is ready.
bool wait_until_ready(pid_t child, int pipe, int signals) {
  for (;;) {
    std::array<pollfd, 2> waited{pollfd{pipe, POLLIN, 0}, pollfd{signals, POLLIN, 0}};
    if (::poll(waited.data(), waited.size(), -1) < 0) continue;
    signalfd_siginfo signal{};
    if (waited[1].revents != 0 && ::read(signals, &signal, sizeof(signal)) == sizeof(signal)) {
      ::kill(child, static_cast<int>(signal.ssi_signo));
    }
    if (waited[0].revents == 0) continue;
    char ready = 0;
    const ssize_t got = ::read(pipe, &ready, 1);
    if (got >= 0 || errno != EINTR) return got == 1;
  }
}

}  // namespace

void occupy_standard_streams() {
  // open() takes the lowest number that is free, so that 0 to 2 are filled before it returns 3.
  for (;;) {
    const int opened = ::open("/dev/null", O_RDWR);
    if (opened < 0) throw_system_error("open /dev/null");
    if (opened <= STDERR_FILENO) continue;
    ::close(opened);
    return;
  }
}

sigset_t watched_signals() noexcept {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, number);
  return signals;
}

Daemon Daemon::start() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_system_error("make a pipe");
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const sigset_t watched = watched_signals();
  UniqueFd signals(::signalfd(-1, &watched, SFD_CLOEXEC));
  if (!signals) throw_system_error("watch signals");
  const pid_t child = ::fork();
  if (child < 0) throw_system_error("fork");
  if (child == 0) return Daemon(std::move(writing));
  writing = UniqueFd();
  if (wait_until_ready(child, reading.get(), signals.get())) ::_exit(0);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}

void Daemon::is_ready() {
  if (!parent_) return;
  ::setsid();
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
