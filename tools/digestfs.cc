// SPDX-License-Identifier: Apache-2.0

// digestfs(1): puts the parts together and runs them.

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
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

#include <malloc.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/handle.h"
#include "base/log.h"
#include "base/log_file.h"
#include "base/text.h"
#include "base/workers.h"
#include "cache/housekeeper.h"
#include "cache/problems.h"
#include "cache/store.h"
#include "fs/fuse/session.h"
#include "fs/inodes.h"
#include "fs/passthrough_state.h"
#include "fs/place/place.h"
#include "fs/repository/repository.h"
#include "tools/daemon.h"
#include "tools/exit_code.h"
#include "tools/home.h"
#include "tools/live_progress.h"
#include "tools/options.h"
#include "tools/password.h"
#include "tools/scheme.h"
#include "tools/source.h"
#include "tools/version.h"

namespace digestfs::tools {
namespace {

// How long the end waits for a thread that a slow disk holds in fdatasync(2) (design 3). What the
// thread was writing is no object yet: an object gets its name afterwards, by rename.
constexpr std::chrono::seconds kGrace{1};
// How long the end takes at most, whatever hangs: a disk, the terminal, the file of the log. All
// that is lost is the note of the tags that were asked for in the last two seconds, and what a slow
// disk has not taken yet: a blob is a whole partial file then, which the next mount hashes and need
// not fetch again, and a diff is made again.
constexpr std::chrono::milliseconds kLongestEnd{1900};

// How much freed memory each arena of the heap keeps at its end, in bytes, and from which size on a
// piece of memory is no part of the heap.
constexpr int kMostFreed = 4 << 20;

// What the process ends with if it hangs at its end.
volatile std::sig_atomic_t status_of_the_end = 0;

/// Has the heap give freed memory back. By itself it raises these limits as soon as a large piece
/// was freed, and each of its arenas may then keep 64 MiB of what it took to build a large tree.
void bound_freed_memory() noexcept {
  ::mallopt(M_TRIM_THRESHOLD, kMostFreed);
  ::mallopt(M_MMAP_THRESHOLD, kMostFreed);
}

/// Ends a process that hangs. It says so, for nobody else will.
void end_now(int /*signal*/) {
  pollfd stream{STDERR_FILENO, POLLOUT, 0};
  constexpr std::string_view kWord = "error: something hangs, and is not waited for at the end\n";
  if (::poll(&stream, 1, 0) == 1) {
    [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, kWord.data(), kWord.size());
  }
  ::_exit(status_of_the_end);
}

/// Ends the process with `code` after `time`, wherever it hangs then; a `time` of 0 calls that off.
/// This needs no thread, of which the system may give none.
void end_after(std::chrono::microseconds time, ExitCode code) noexcept {
  status_of_the_end = static_cast<int>(code);
  std::signal(SIGALRM, end_now);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  itimerval timer{};
  timer.it_value = {seconds.count(), (time - seconds).count()};
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

/// Waits until `flight` has landed, or until a signal ends the program. At a SIGHUP there is
/// nothing to ask again yet.
void wait_for_landing(Flight& flight) {
  const sigset_t watched = watched_signals();
  const UniqueFd signals(::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
  const auto landing = std::make_shared<UniqueFd>(::eventfd(0, EFD_CLOEXEC));
  if (!signals || !*landing) throw_system_error("wait for the source");
  const bool is_under_way = flight.on_landing([landing] {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t ignored = ::write(landing->get(), &one, sizeof(one));
  });
  while (is_under_way) {
    std::array<pollfd, 2> waited{pollfd{landing->get(), POLLIN, 0},
                                 pollfd{signals.get(), POLLIN, 0}};
    if (::poll(waited.data(), waited.size(), -1) < 0) continue;
    signalfd_siginfo signal{};
    if (::read(signals.get(), &signal, sizeof(signal)) == sizeof(signal)) {
      if (signal.ssi_signo != SIGHUP) {
        end_after(kLongestEnd, ExitCode::other);
        throw Failure(ExitCode::other, "interrupted before the mount was ready");
      }
      DIGESTFS_LOG(info, "nothing is mounted yet that could change");
    }
    if (waited[0].revents != 0) return;
  }
}

/// Runs `work` until it no longer throws `Pending`. The signals that end the program end it too.
template <class Work>
void wait_for(const Work& work) {
  for (;;) {
    try {
      work();
      return;
    } catch (const Pending& pending) {
      const auto waiters = pending.waiters();
      wait_for_landing(*pending.flight);
      pending.flight->rethrow_limit();
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

/// Lets a worker do `work`, which blocks. `name` says what it does.
template <class Work>
std::shared_ptr<Flight> launch(Workers& workers, Lane lane, const std::string& name,
                               const Work& work) {
  auto flight = std::make_shared<Flight>(name);
  // A copy: when a signal ends the wait, the work may be under way yet.
  workers.launch(lane, flight, [work](const std::stop_token& stop) { work(stop); });
  return flight;
}

/// Waits until `flight` has landed. Throws the failure of the flight.
void wait_for_flight(const std::shared_ptr<Flight>& flight) {
  wait_for([&] { await(flight, Patience::unlimited()); });
}

/// Calls `start` of `list`, which blocks, in a worker.
template <class List>
void start(List& list, Workers& workers, const std::string& name) {
  wait_for_flight(launch(workers, Lane::question, "list " + name,
                         [&](const std::stop_token& stop) { list.start(stop); }));
}

/// Asks for the first page of tags, or for what SOURCE names: a wrong repository or credential
/// fails here, not in some later `ls` (promise 4).
void greet(fs::Repository& repository, Workers& workers, const fs::Selection& selection,
           const std::string& name) {
  if (selection.digest || selection.tag) {
    wait_for([&, patience = Patience::unlimited()] { repository.find_selected(patience); });
  } else {
    start(repository, workers, name);
  }
}

std::unique_ptr<cache::Store> open_cache(const Options& options) {
  try {
    return std::make_unique<cache::Store>(
        options.cache_dir, cache::StoreLimits{.size = options.cache_size, .idle = options.timeout});
  } catch (const std::exception& error) {
    throw Failure(ExitCode::cache_unusable,
                  str_cat("cannot use the cache ", options.cache_dir.native(), ": ", error.what()));
  }
}

/// Raises the limit of open files as far as an ordinary process may: each file that a process has
/// open in the mount takes a descriptor here.
void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) DIGESTFS_LOG(warning, "cannot open more files");
}

/// What tells people how things are: the log, and the transfers.
struct Reporting {
  std::shared_ptr<LogFile> file = nullptr;
  std::optional<LiveProgress> progress = std::nullopt;
  std::optional<LogThread> log_thread = std::nullopt;

  ~Reporting() {
    log_thread.reset();
    // Lines of the log may still come, from a thread that hangs.
    if (!file) log_to_stderr();
  }
};

/// Begins to tell what `workers` do, as `options` say.
void begin_reporting(Reporting& reporting, const Workers& workers, const Options& options) {
  const bool is_terminal = can_show_lines() && !options.trace;
  try {
    reporting.log_thread.emplace();
    if (options.quiet) return;
    reporting.progress.emplace(
        workers, is_terminal ? LiveProgress::Where::terminal : LiveProgress::Where::log);
  } catch (const std::system_error& error) {
    DIGESTFS_LOG(warning, "the log and the progress have no thread of their own: ", error.what());
    return;
  }
  if (!is_terminal || reporting.file) return;
  log_to(
      [&progress = *reporting.progress](const LogLine& line) { progress.write_above(line.text); });
}

/// Lets the parent exit. From then on nothing goes to the terminal.
void go_to_background(Daemon& daemon, Reporting& reporting) {
  if (reporting.progress) reporting.progress->leave_terminal();
  if (!reporting.file) log_to_syslog();
  daemon.is_ready();
}

void mount_and_serve(const Options& options, const std::string& mountpoint, Daemon daemon,
                     std::shared_ptr<LogFile> log_file) {
  std::unique_ptr<cache::Store> store;
  OpenedSource origin;
  // Objects live in the order of their use: what is below uses what is above.
  Workers workers({/*question=*/16, /*download=*/options.jobs, /*disk=*/2, /*light=*/2, /*small=*/4,
                   /*follow=*/std::min<std::size_t>(options.jobs, 4), /*name=*/2});
  Reporting reporting{.file = std::move(log_file)};
  begin_reporting(reporting, workers, options);
  // Neither needs the other: the cache makes its folders while the TLS library begins. Each of the
  // two takes about a millisecond.
  const auto opening =
      launch(workers, Lane::disk, "open " + options.source,
             [&](const std::stop_token& stop) { origin = open_source(options, stop); });
  store = open_cache(options);
  // A large archive is read for a while; the signals end that as well.
  wait_for_flight(opening);
  cache::Problems problems(origin.name());
  fs::Inodes inodes;
  const cache::Housekeeper housekeeper(
      *store, cache::Housekeeper::kPeriod,
      [&inodes](const std::stop_token& stop) { inodes.tidy(stop); });
  cache::DownloadPolicy downloads;
  // A disk gives two readers no more than one.
  if (is_remote(options.source)) {
    downloads.connections.most = std::min(options.connections, options.jobs);
  }
  fs::PassthroughState passthrough;
  const bool may_pass = options.passthrough && is_root_of_the_machine();
  if (!options.passthrough) {
    passthrough.set_unused("--no-passthrough was given");
  } else if (!may_pass) {
    const std::string reason =
        "only root outside of a user namespace may let the kernel read files by itself";
    DIGESTFS_LOG(info, "the daemon reads the cache for the kernel: ", reason);
    passthrough.set_unused(reason);
  }
  const fs::MountParts parts{*store, workers,     problems, options.network,
                             inodes, passthrough, downloads};
  const bool is_one = origin.source != nullptr;
  const fs::Selection selection{.tag = origin.tag,
                                .digest = origin.digest,
                                .is_local = !is_remote(options.source),
                                .platform = options.platform,
                                .list_trees = options.list_trees.value_or(is_one),
                                .absolute_links = options.absolute_links,
                                .tag_ttl = options.tag_ttl};
  std::optional<fs::Repository> repository;
  std::optional<fs::Place> place;
  // Flights refer to all of the above, so they end first, whatever happens.
  struct StopFirst {
    Workers& workers;
    ~StopFirst() { workers.stop(); }
  };
  const StopFirst stop_first{workers};
  if (is_one) {
    repository.emplace(parts, origin.source, "", selection);
    fs::mount_alone(*repository, parts);
    greet(*repository, workers, selection, origin.name());
  } else {
    place.emplace(parts, origin.repositories, "", selection);
    start(*place, workers, options.source);
  }
  std::optional<fs::Session> session;
  try {
    session.emplace(inodes, mountpoint,
                    fs::SessionOptions{.name = options.source,
                                       .mount_options = options.mount_options,
                                       .trace = options.trace,
                                       .passthrough = may_pass ? &passthrough : nullptr},
                    [&] {
                      if (!options.foreground) go_to_background(daemon, reporting);
                    });
  } catch (const Error& error) {
    throw Failure(ExitCode::cannot_mount, error.what());
  }
  DIGESTFS_LOG(info, "mounted source=", origin.name(), " at=", mountpoint);
  bool have_workers_ended = true;
  const bool has_session_ended =
      session->run([&] { have_workers_ended = workers.stop_within(kGrace); },
                   [&] {
                     if (reporting.file) reporting.file->open_again();
                     if (repository) repository->ask_again();
                     if (place) place->ask_again();
                   },
                   [] { end_after(kLongestEnd, ExitCode::ok); });
  DIGESTFS_LOG(info, "unmounted source=", origin.name(), " at=", mountpoint);
  if (has_session_ended && have_workers_ended) return;
  DIGESTFS_LOG(warning, "ending without a thread that waits for the disk");
  std::_Exit(0);
}

int run(const std::vector<std::string>& arguments) {
  occupy_standard_streams();
  bound_freed_memory();
  const Options options = parse_options(arguments);
  if (options.action == Action::help) {
    std::cout << help_text();
    return 0;
  }
  if (options.action == Action::version) {
    std::cout << version_text();
    return 0;
  }
  static_cast<void>(recognise(options.source));
  set_log_level(options.log_level);
  std::shared_ptr<LogFile> log_file;
  if (options.log_file) {
    log_file = std::make_shared<LogFile>(std::filesystem::absolute(*options.log_file));
    log_to([log_file](const LogLine& line) { log_file->write(line); });
  }
  const std::string mountpoint = resolve_mountpoint(options.mountpoint);
  Options absolute = options;
  // A daemon leaves its working directory.
  absolute.cache_dir = std::filesystem::absolute(options.cache_dir);
  for (auto* path : {&absolute.auth_file, &absolute.certificates}) {
    if (*path) *path = std::filesystem::absolute(**path);
  }
  const bool is_asked = options.network == cache::Network::allowed && is_remote(options.source);
  if (is_asked && absolute.credentials && absolute.credentials->find(':') == std::string::npos) {
    *absolute.credentials += str_cat(":", ask_password(*absolute.credentials));
  }
  refuse_registry(absolute);
  // Threads inherit the mask: the signals are to come where they are waited for.
  const sigset_t signals = watched_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  // A line of the log from the background must not stop the daemon, whatever the terminal is set
  // to.
  std::signal(SIGTTOU, SIG_IGN);
  raise_file_limit();
  mount_and_serve(absolute, mountpoint,
                  options.foreground ? Daemon::in_foreground() : Daemon::start(),
                  std::move(log_file));
  end_after({}, ExitCode::ok);
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
