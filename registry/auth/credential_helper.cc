// SPDX-License-Identifier: Apache-2.0
#include "registry/auth/credential_helper.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include <nlohmann/json.hpp>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/flight.h"
#include "base/handle.h"
#include "base/text.h"
#include "registry/image/json.h"

namespace digestfs::registry {
namespace {

constexpr std::size_t kMaxAnswer = std::size_t{1} << 20U;
constexpr std::string_view kNotFound = "credentials not found in native keychain";
// If a helper gives this user, the password is an identity token.
constexpr std::string_view kTokenUser = "<token>";

bool is_helper_name(std::string_view name) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return !name.empty() && name.find_first_not_of(kAllowed) == std::string_view::npos;
}

struct Pipe {
  UniqueFd reading;
  UniqueFd writing;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  // Unlike a pipe, a socket can be written to without a signal if no process reads any more.
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw_system_error("make a pair of sockets");
  }
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// A running program. The destructor ends it and waits for it.
class Child {
 public:
  /// Throws `Errc::denied` if the program cannot be started.
  Child(const std::string& program, int input, int output) {
    posix_spawn_file_actions_t actions{};
    posix_spawnattr_t attributes{};
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    ::posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    // A group of its own, so that its children end with it, and none of our blocked signals.
    sigset_t none{};
    sigset_t all{};
    sigemptyset(&none);
    sigfillset(&all);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    std::string name = program;
    std::string verb = "get";
    const std::array<char*, 3> arguments = {name.data(), verb.data(), nullptr};
    const int problem =
        ::posix_spawnp(&pid_, program.c_str(), &actions, &attributes, arguments.data(), environ);
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    if (problem != 0) {
      throw Error(Errc::denied, str_cat("cannot run ", program, ": ", std::strerror(problem)));
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ > 0) static_cast<void>(end());
  }

  /// Returns true if the program has ended by itself. It is not reaped, so that its group cannot
  /// become that of another program.
  [[nodiscard]] bool has_ended() const {
    siginfo_t info{};
    const int problem =
        ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
    return problem != 0 || info.si_pid != 0;
  }

  /// Ends the program and everything that it started. Returns its exit status, or nothing if it did
  /// not exit by itself.
  std::optional<int> end() {
    ::kill(-pid_, SIGKILL);
    int status = 0;
    pid_t waited = 0;
    while ((waited = ::waitpid(pid_, &status, 0)) < 0 && errno == EINTR) {
    }
    const bool exited = waited == pid_ && WIFEXITED(status);
    pid_ = -1;
    return exited ? std::optional(WEXITSTATUS(status)) : std::nullopt;
  }

 private:
  pid_t pid_ = -1;
};

/// Reads from `fd` until `child` has ended. A process that the child leaves behind may keep the
/// other end open, and a child that closes it may live on; neither is waited for past `deadline`.
std::string read_all(const std::string& program, const Child& child, int fd,
                     Clock::time_point deadline, const std::stop_token& stop) {
  std::string text;
  std::array<char, 4096> buffer{};
  bool is_closed = false;
  for (;;) {
    const bool has_ended = child.has_ended();  // before the last look at what it has written
    if (has_ended && is_closed) return text;
    if (stop.stop_requested()) throw Error(Errc::interrupted, "stopped while asking a helper");
    if (Clock::now() >= deadline) {
      throw Error(Errc::timed_out, str_cat(program, " did not answer in time"));
    }
    pollfd waiting{.fd = is_closed ? -1 : fd, .events = POLLIN, .revents = 0};
    constexpr int kStepMs = 20;
    if (::poll(&waiting, 1, has_ended ? 0 : kStepMs) <= 0) {
      if (has_ended) return text;
      continue;
    }
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got == 0) {
      is_closed = true;
      continue;
    }
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_system_error(str_cat("read from ", program));
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.size() > kMaxAnswer) {
      throw Error(Errc::denied, str_cat(program, " printed more than an answer"));
    }
  }
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// The message of a helper that failed, unless the output looks as if it held a secret.
std::string reason(std::string_view answer) {
  constexpr std::size_t kMost = 200;
  const auto is_plain = [](char c) { return c >= ' ' && c < '\x7f'; };
  if (answer.empty() || answer.size() > kMost || !std::ranges::all_of(answer, is_plain) ||
      answer.find('{') != std::string_view::npos) {
    return {};
  }
  return str_cat(": ", answer);
}

}  // namespace

std::optional<Credential> ask_helper(const std::string& name, const std::string& server,
                                     const std::stop_token& stop, std::chrono::milliseconds limit) {
  if (!is_helper_name(name)) throw Error(Errc::denied, "the name of a credential helper is none");
  const std::string program = str_cat("docker-credential-", name);
  Pipe input = make_pipe();
  Pipe output = make_pipe();
  const auto deadline = Clock::now() + limit;
  Child child(program, input.reading.get(), output.writing.get());
  input.reading = UniqueFd();
  output.writing = UniqueFd();
  // The socket has room for it. A helper need not read it.
  [[maybe_unused]] const ssize_t ignored =
      ::send(input.writing.get(), server.data(), server.size(), MSG_NOSIGNAL);
  input.writing = UniqueFd();
  const std::string text = read_all(program, child, output.reading.get(), deadline, stop);
  const std::string_view answer = trimmed(text);
  if (const auto status = child.end(); status != 0) {
    if (answer == kNotFound) return std::nullopt;
    throw Error(Errc::denied, str_cat(program, " failed", reason(answer)));
  }
  nlohmann::json document;
  try {
    document = parse_json(answer, NameCase::matters);
  } catch (const Error&) {
    throw Error(Errc::denied, str_cat(program, " printed something that is no answer"));
  }
  Credential credential{.user = text_member(document, "Username"),
                        .password = text_member(document, "Secret"),
                        .identity_token = {},
                        .registry_token = {},
                        .from = program};
  if (credential.password.empty()) {
    throw Error(Errc::denied, str_cat(program, " printed an answer without a secret"));
  }
  if (credential.user == kTokenUser) {
    credential.identity_token = std::move(credential.password);
    credential.user.clear();
    credential.password.clear();
  }
  return credential;
}

}  // namespace digestfs::registry
