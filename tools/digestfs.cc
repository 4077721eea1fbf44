// SPDX-License-Identifier: Apache-2.0

// digestfs(1): puts the parts together and runs them.

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <termios.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "base/workers.h"
#include "cache/content.h"
#include "cache/problems.h"
#include "cache/store.h"
#include "cache/tags.h"
#include "fs/fuse/session.h"
#include "fs/repository/repository.h"
#include "registry/host/catalog.h"
#include "registry/host/client.h"
#include "registry/image/reference.h"
#include "registry/local/oci_layout.h"
#include "tools/daemon.h"
#include "tools/options.h"

namespace digestfs::tools {
namespace {

/// EXIT STATUS of digestfs(1).
enum class ExitCode {
  ok = 0,
  other = 1,
  usage = 2,
  cannot_mount = 10,
  not_found = 11,
  denied = 12,
  unreachable = 13,
  cache_unusable = 14,
};

/// A failure that ends the program: what to say, and the exit code.
class Failure final : public std::runtime_error {
 public:
  Failure(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

ExitCode exit_code_of(Errc code) {
  switch (code) {
    case Errc::not_found:
      return ExitCode::not_found;
    case Errc::denied:
      return ExitCode::denied;
    case Errc::rate_limited:
    case Errc::unavailable:
    case Errc::untrusted:
    case Errc::timed_out:
      return ExitCode::unreachable;
    case Errc::corrupt:
    case Errc::too_large:
    case Errc::unsupported:
    case Errc::interrupted:
      break;
  }
  return ExitCode::other;
}

sigset_t ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, number);
  return signals;
}

/// Runs `work` until it no longer throws `Pending`. The signals that end the program end it too.
template <class Work>
void wait_for(const Work& work) {
  for (;;) {
    try {
      work();
      return;
    } catch (const Pending& pending) {
      const sigset_t signals = ending_signals();
      constexpr timespec kStep = {0, 20'000'000};
      while (!pending.flight->has_landed()) {
        if (::sigtimedwait(&signals, nullptr, &kStep) > 0) {
          throw Failure(ExitCode::other, "interrupted before the mount was ready");
        }
      }
    }
  }
}

/// The mountpoint as an absolute path.
std::string resolve_mountpoint(const std::string& mountpoint) {
  std::error_code problem;
  const auto path = std::filesystem::canonical(mountpoint, problem);
  if (!problem && std::filesystem::is_directory(path, problem)) return path.native();
  if (!problem) problem = std::make_error_code(std::errc::not_a_directory);
  std::string message = str_cat("cannot mount at ", mountpoint, ": ", problem.message());
  if (problem == std::errc::not_connected) {
    message += str_cat(" (a mount whose daemon has died; try: fusermount3 -u ", mountpoint, ")");
  }
  throw Failure(ExitCode::cannot_mount, message);
}

struct Origin {
  std::unique_ptr<registry::Source> source;
  std::optional<std::string> tag;
  std::optional<Digest> digest;
};

registry::ClientOptions client_options(const Options& options) {
  const auto environment = [](const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
  };
  return {.stall = options.timeout,
          .user_agent = "digestfs/" DIGESTFS_VERSION,
          .credentials = {.given = options.credentials,
                          .file = options.auth_file,
                          .environment = environment},
          .certificates = options.certificates,
          .verify_tls = options.verify_tls};
}

/// The repositories of `registry` for people: at most a screenful.
std::string to_string(const registry::Catalog& catalog, const registry::Reference& registry) {
  constexpr std::size_t kShown = 50;
  if (catalog.refusal) return str_cat(", and it does not say which it has: ", *catalog.refusal);
  if (catalog.repositories.empty()) return ", and it has none";
  std::string text = ":";
  for (std::size_t i = 0; i < std::min(kShown, catalog.repositories.size()); ++i) {
    text += str_cat("\n  ", registry.domain, "/", catalog.repositories[i]);
  }
  if (catalog.repositories.size() > kShown || !catalog.is_complete) text += "\n  and others";
  return text;
}

/// Where SOURCE is a registry, and no repository: says which ones it has.
void refuse_registry(const Options& options) {
  const auto registry = registry::Reference::parse_registry(options.source);
  if (!registry) return;
  std::string message =
      str_cat(options.source, " is a registry; SOURCE must name one of its repositories");
  if (options.network == cache::Network::allowed) {
    try {
      const auto catalog = registry::list_repositories(*registry, client_options(options), {});
      message += to_string(catalog, *registry);
    } catch (const Error& error) {
      message += str_cat(", and it cannot be asked which it has: ", error.what());
    }
  }
  throw Failure(ExitCode::usage, message);
}

constexpr std::string_view kLayout = "oci:";

Origin open_source(const Options& options) {
  if (options.source.starts_with(kLayout)) {
    const std::string directory = options.source.substr(kLayout.size());
    return {std::make_unique<registry::OciLayout>(directory), {}, {}};
  }
  std::optional<registry::Reference> reference;
  try {
    reference = registry::Reference::parse(options.source);
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
  Origin origin{nullptr, reference->tag, reference->digest};
  // REF-4: the digest wins.
  if (origin.digest) origin.tag.reset();
  origin.source = std::make_unique<registry::Client>(*reference, client_options(options));
  return origin;
}

volatile std::sig_atomic_t caught_signal = 0;

/// A terminal that does not show what is typed, for as long as it lives. Who ends the program
/// meanwhile (Ctrl-C) gets it back as it was.
class SilentTerminal {
 public:
  explicit SilentTerminal(const termios& before) : before_(before) {
    struct sigaction catching {};
    // Not restarted: whoever reads comes back.
    catching.sa_handler = [](int signal) { caught_signal = signal; };
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      ::sigaction(kSignals[i], &catching, &handlers_[i]);
    }
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~SilentTerminal() {
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    std::cerr << '\n';
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      ::sigaction(kSignals[i], &handlers_[i], nullptr);
    }
    if (caught_signal != 0) ::raise(caught_signal);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

 private:
  static constexpr std::array<int, 4> kSignals{SIGINT, SIGTERM, SIGHUP, SIGQUIT};

  termios before_;
  std::array<struct sigaction, kSignals.size()> handlers_{};
};

/// The first line of standard input, not shown while it is typed.
std::string ask_password(const std::string& user) {
  std::string password;
  bool got = false;
  {
    termios terminal{};
    std::optional<SilentTerminal> silent;
    if (::tcgetattr(STDIN_FILENO, &terminal) == 0) {
      std::cerr << "Password of " << user << ": " << std::flush;
      silent.emplace(terminal);
    }
    got = static_cast<bool>(std::getline(std::cin, password));
  }
  if (!got) throw UsageError("--creds names no password, and none was typed");
  return password;
}

/// Asks for the first page of tags, or for what SOURCE names: a wrong repository or credential
/// fails here, not in some later `ls` (promise 4).
void greet(fs::Repository& repository, cache::Tags& tags, Workers& workers,
           const fs::Selection& selection, const std::string& name) {
  if (selection.digest) {
    wait_for([&, patience = Patience::unlimited()] {
      static_cast<void>(repository.document(*selection.digest, patience));
    });
  } else if (selection.tag) {
    wait_for([&, patience = Patience::unlimited()] {
      if (!tags.resolve(*selection.tag, patience)) {
        throw Error(Errc::not_found, str_cat(name, " has no tag ", *selection.tag));
      }
    });
  } else {
    const auto flight = std::make_shared<Flight>();
    workers.launch(Lane::question, flight,
                   [&](std::stop_token stop) { tags.start(std::move(stop)); });
    wait_for([&] { await(flight, Patience::unlimited()); });
  }
}

std::unique_ptr<cache::Store> open_cache(const Options& options) {
  try {
    return std::make_unique<cache::Store>(options.cache_dir,
                                          cache::StoreLimits{.size = options.cache_size});
  } catch (const std::exception& error) {
    throw Failure(ExitCode::cache_unusable,
                  str_cat("cannot use the cache ", options.cache_dir.native(), ": ", error.what()));
  }
}

void mount_and_serve(const Options& options, const std::string& mountpoint, Daemon daemon) {
  const auto store = open_cache(options);
  const Origin origin = open_source(options);
  // Objects live in the order of their use: what is below uses what is above.
  Workers workers({/*question=*/16, /*download=*/options.jobs, /*disk=*/2});
  cache::Problems problems(origin.source->name());
  cache::Content content(*store, *origin.source, workers, problems, options.network);
  cache::Tags tags(*store, *origin.source, workers, problems, options.network, options.tag_ttl);
  cache::Referrers referrers(*origin.source, workers, options.network, options.tag_ttl);
  const fs::Selection selection{.tag = origin.tag,
                                .digest = origin.digest,
                                .platform = options.platform,
                                .absolute_links = options.absolute_links,
                                .tag_ttl = options.tag_ttl};
  fs::Repository repository(content, tags, referrers, problems, workers, selection);
  // Flights refer to all of the above, so they end first, whatever happens.
  struct StopFirst {
    Workers& workers;
    ~StopFirst() { workers.stop(); }
  };
  const StopFirst stop_first{workers};
  greet(repository, tags, workers, selection, origin.source->name());
  std::optional<fs::Session> session;
  try {
    session.emplace(
        repository.inodes(), mountpoint,
        fs::SessionOptions{
            .name = options.source, .mount_options = options.mount_options, .trace = options.trace},
        [&daemon] { daemon.is_ready(); });
  } catch (const Error& error) {
    throw Failure(ExitCode::cannot_mount, error.what());
  }
  DIGESTFS_LOG(info, "mounted source=", origin.source->name(), " at=", mountpoint);
  session->run([&workers] { workers.stop(); });
  DIGESTFS_LOG(info, "unmounted source=", origin.source->name(), " at=", mountpoint);
}

int run(const std::vector<std::string>& arguments) {
  const Options options = parse_options(arguments);
  if (options.action == Action::help) {
    std::cout << help_text();
    return 0;
  }
  if (options.action == Action::version) {
    std::cout << "digestfs " DIGESTFS_VERSION "\n";
    return 0;
  }
  set_log_level(options.log_level);
  const std::string mountpoint = resolve_mountpoint(options.mountpoint);
  Options absolute = options;
  // A daemon leaves its working directory.
  absolute.cache_dir = std::filesystem::absolute(options.cache_dir);
  for (auto* path : {&absolute.auth_file, &absolute.certificates}) {
    if (*path) *path = std::filesystem::absolute(**path);
  }
  const bool is_asked =
      options.network == cache::Network::allowed && !options.source.starts_with(kLayout);
  if (is_asked && absolute.credentials && absolute.credentials->find(':') == std::string::npos) {
    *absolute.credentials += str_cat(":", ask_password(*absolute.credentials));
  }
  refuse_registry(absolute);
  // Threads inherit the mask: the signals are to come where they are waited for.
  const sigset_t signals = ending_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  mount_and_serve(absolute, mountpoint,
                  options.foreground ? Daemon::in_foreground() : Daemon::start());
  return 0;
}

int guarded_run(const std::vector<std::string>& arguments) noexcept {
  const auto say = [](ExitCode code, std::string_view message) {
    std::cerr << "digestfs: ";
    // Some of it may be a server's words; the lines are ours.
    std::istringstream lines{std::string(message)};
    for (std::string line; std::getline(lines, line);) std::cerr << escaped(line) << '\n';
    return static_cast<int>(code);
  };
  try {
    return run(arguments);
  } catch (const UsageError& error) {
    say(ExitCode::usage, error.what());
    std::cerr << "Try 'digestfs --help'.\n";
    return static_cast<int>(ExitCode::usage);
  } catch (const Failure& failure) {
    return say(failure.code(), failure.what());
  } catch (const Error& error) {
    return say(exit_code_of(error.code()), error.what());
  } catch (const std::exception& error) {
    return say(ExitCode::other, error.what());
  }
}

}  // namespace
}  // namespace digestfs::tools

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  digestfs::tools::hide_passwords(std::span(argv, static_cast<std::size_t>(argc)));
  return digestfs::tools::guarded_run(arguments);
}
