// SPDX-License-Identifier: Apache-2.0
#include "fs/fuse/session.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/guarded.h"
#include "base/handle.h"
#include "base/log.h"
#include "base/text.h"
#include "fs/fuse/leadership.h"
#include "fs/fuse/mount_table.h"
#include "fs/fuse/operations.h"
#include "fs/fuse/parking.h"

namespace digestfs::fs {
namespace {

// None of them ever waits for the network, so a few do.
constexpr std::size_t kThreads = 4;
// How long the end waits for them (design 3: all of it takes less than two seconds).
constexpr std::chrono::milliseconds kGrace(500);
// Ends the read in which a thread waits for a request. Nothing else sends it to a thread, and it
// is ignored where nobody handles it.
constexpr int kWakingSignal = SIGURG;
constexpr std::chrono::milliseconds kWakingInterval(10);

// libfuse lets a request ask for up to 1 MiB. The kernel reads 128 KiB ahead unless it is told.
constexpr std::string_view kReadAheadKiB = "1024";

using SessionHandle = std::unique_ptr<fuse_session, Deleter<fuse_session_destroy>>;

/// A comma or backslash inside a value, as libfuse's parser takes it.
std::string escaped(const std::string& value) {
  std::string text;
  for (const char c : value) {
    if (c == ',' || c == '\\') text += '\\';
    text += c;
  }
  return text;
}

std::string mount_option_list(const SessionOptions& options) {
  std::string list = str_cat("fsname=", escaped(options.name), ",subtype=digestfs");
  for (const std::string& option : options.mount_options) list += "," + option;
  // Files of images have owners and modes; who lets others in lets the kernel heed them.
  const auto& given = options.mount_options;
  if (std::ranges::any_of(given, [](const std::string& option) {
        return option == "allow_other" || option == "allow_root";
      })) {
    list += ",default_permissions";
  }
  // Last, since the last word wins: mount(8) passes dev and suid to its helpers.
  return list + ",ro,nosuid,nodev";
}

/// libfuse's own words go where ours go.
void log_of_fuse(fuse_log_level level, const char* format, va_list arguments) {
  std::array<char, 1024> text;
  std::vsnprintf(text.data(), text.size(), format, arguments);
  std::string_view line(text.data());
  while (!line.empty() && line.back() == '\n') line.remove_suffix(1);
  if (level <= FUSE_LOG_ERR) {
    DIGESTFS_LOG(error, line);
  } else {
    DIGESTFS_LOG(debug, line);
  }
}

Channel& channel_of(void* userdata) { return static_cast<Operations*>(userdata)->channel(); }

ssize_t channel_read(int fd, void* buffer, std::size_t size, void* userdata) {
  return channel_of(userdata).read(fd, buffer, size);
}

ssize_t channel_write(int fd, iovec* parts, int count, void* userdata) {
  return channel_of(userdata).write(fd, parts, count);
}

}  // namespace

class Session::Impl {
 public:
  Impl(const Inodes& inodes, const SessionOptions& options, std::function<void()> ready)
      : operations_(inodes, parking_, options.passthrough, std::move(ready)),
        ended_(::eventfd(0, EFD_CLOEXEC)) {
    if (!ended_) throw_system_error("make an eventfd");
    fuse_set_log_func(log_of_fuse);
    std::vector<std::string> words = {"digestfs", "-o", mount_option_list(options)};
    if (options.trace) words.emplace_back("-d");
    std::vector<char*> arguments;
    arguments.reserve(words.size());
    for (std::string& word : words) arguments.push_back(word.data());
    fuse_args parsed = FUSE_ARGS_INIT(static_cast<int>(arguments.size()), arguments.data());
    session_.reset(
        fuse_session_new(&parsed, &Operations::table(), sizeof(fuse_lowlevel_ops), &operations_));
    fuse_opt_free_args(&parsed);
    if (!session_) throw Error(Errc::unsupported, "cannot mount: libfuse refused the options");
    operations_.set_session(session_.get());
  }

  void mount(const std::string& mountpoint) {
    if (fuse_session_mount(session_.get(), mountpoint.c_str()) != 0) {
      throw Error(Errc::unavailable, str_cat("cannot mount at ", mountpoint));
    }
    mounted_ = true;
    table_.emplace(mountpoint);
    serve(fuse_session_fd(session_.get()));
  }

  void serve(int fd) {
    // Later versions of libfuse have more members, which may be absent.
    fuse_custom_io io{};
    io.writev = channel_write;
    io.read = channel_read;
    if (fuse_session_custom_io(session_.get(), &io, fd) != 0) {
      throw_system_error("take over the connection to the kernel");
    }
    if (!mounted_) socket_ = UniqueFd(fd);
  }

  bool run(const std::function<void()>& quiesce, const std::function<void()>& ask_again,
           const std::function<void()>& ending) {
    std::exception_ptr failure;
    try {
      let_signal_end_calls();
      // Before any request, which may leave no descriptor for it.
      const UniqueFd signalled = take_signals();
      // In here: where one thread cannot be started, those before it are told to end.
      for (std::size_t i = 0; i < kThreads; ++i) {
        threads_.emplace_back([this, i] {
          loop(i);
          ++*ended_threads_.lock();
          a_thread_ended_.notify_all();
        });
      }
      watch(signalled.get(), ask_again);
    } catch (...) {
      failure = std::current_exception();  // the end is the same
    }
    ending();
    DIGESTFS_LOG(info, "the mount ends");
    fuse_session_exit(session_.get());
    operations_.channel().stop();
    leadership_.close();
    const bool have_ended = await_threads();
    // Whoever still waits is told while there is a connection to tell it over.
    parking_.close();
    quiesce();
    operations_.channel().close();
    if (mounted_) fuse_session_unmount(session_.get());
    mounted_ = false;
    if (failure) std::rethrow_exception(failure);
    return have_ended;
  }

  ~Impl() {
    if (mounted_) fuse_session_unmount(session_.get());
  }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

 private:
  /// Wakes the threads, and waits until they have left their loops. Returns false if one has not
  /// after `kGrace`.
  bool await_threads() {
    const auto deadline = Clock::now() + kGrace;
    auto ended = ended_threads_.lock();
    const auto have_all = [&] { return *ended == threads_.size(); };
    while (!have_all() && Clock::now() < deadline) {
      // Again and again: a signal may come just before the read that it is to end.
      for (std::jthread& thread : threads_) ::pthread_kill(thread.native_handle(), kWakingSignal);
      a_thread_ended_.wait_for(ended.native(), kWakingInterval, have_all);
    }
    return have_all();
  }

  /// Lets `kWakingSignal` end a system call that blocks, and do nothing else.
  static void let_signal_end_calls() {
    struct sigaction action {};
    action.sa_handler = [](int /*signal*/) {};
    if (::sigaction(kWakingSignal, &action, nullptr) != 0) throw_system_error("handle a signal");
  }

  /// What each of the threads does: take a request, answer or park it.
  void loop(std::size_t me) {
    fuse_buf buffer{};
    while (leadership_.await(me) && fuse_session_exited(session_.get()) == 0) {
      const int got = fuse_session_receive_buf(session_.get(), &buffer);
      if (got == -EINTR || got == -EAGAIN) continue;
      if (got <= 0) break;
      leadership_.begin(me);
      if (Channel::is_bulky(buffer.mem, buffer.size)) leadership_.pass_on(me);
      fuse_session_process_buf(session_.get(), &buffer);
      leadership_.end(me);
      // The first request is INIT: its reply sets the readahead to what the kernel offered.
      if (!has_said_hello_ && !has_said_hello_.exchange(true)) read_far_ahead();
    }
    std::free(buffer.mem);
    fuse_session_exit(session_.get());
    leadership_.close();
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t ignored = ::write(ended_.get(), &one, sizeof one);
  }

  /// Lets the kernel read ahead as much as one request may ask for, if the system allows that.
  void read_far_ahead() const noexcept {
    if (!table_ || !table_->device()) return;
    const std::string path = str_cat("/sys/class/bdi/", *table_->device(), "/read_ahead_kb");
    const UniqueFd setting(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!setting) return;  // root alone may write there
    [[maybe_unused]] const ssize_t ignored =
        ::write(setting.get(), kReadAheadKiB.data(), kReadAheadKiB.size());
  }

  /// Takes a signal from `signalled`. Returns true if it ends the mount; SIGHUP calls `ask_again`.
  static bool is_told_to_stop(int signalled, const std::function<void()>& ask_again) {
    signalfd_siginfo signal{};
    if (::read(signalled, &signal, sizeof signal) != sizeof signal) return false;
    if (signal.ssi_signo != SIGHUP) return true;
    try {
      ask_again();
      DIGESTFS_LOG(info, "asking again for tags, lists and credentials, on a signal");
    } catch (const std::exception& error) {
      DIGESTFS_LOG(warning, "cannot ask for everything again cause=", error.what());
    }
    return false;
  }

  /// Opens the descriptor from which `watch` takes the signals.
  static UniqueFd take_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, number);
    UniqueFd signalled(::signalfd(-1, &signals, SFD_CLOEXEC));
    if (!signalled) throw_system_error("watch for signals");
    return signalled;
  }

  /// Until the connection ends or a signal wants it to.
  void watch(int signalled, const std::function<void()>& ask_again) {
    std::array<pollfd, 3> waiting = {{{ended_.get(), POLLIN, 0},
                                      {signalled, POLLIN, 0},
                                      {table_ ? table_->fd() : -1, POLLPRI, 0}}};
    for (;;) {
      if (::poll(waiting.data(), waiting.size(), -1) < 0) {
        if (errno == EINTR) continue;
        throw_system_error("wait for the end of the mount");
      }
      if (waiting[0].revents != 0) return;
      if (waiting[1].revents != 0 && is_told_to_stop(signalled, ask_again)) return;
      if (waiting[2].revents != 0 && !table_->is_mounted()) {
        // A lazy unmount, or another mount namespace that has the mount too. Cached content may be
        // read on; nobody waits any more.
        DIGESTFS_LOG(info, "unmounted here; ending all waiting until its last user lets go");
        parking_.close();
        waiting[2].fd = -1;
      }
    }
  }

  // In this order: a request that is parked needs the session, which needs the operations.
  Parking parking_;
  Operations operations_;
  UniqueFd ended_;
  SessionHandle session_;
  UniqueFd socket_;
  std::optional<MountTable> table_;
  bool mounted_ = false;
  Leadership leadership_{kThreads};
  std::atomic<bool> has_said_hello_{false};
  Guarded<std::size_t> ended_threads_;
  std::condition_variable_any a_thread_ended_;
  // Last: they use all of the above.
  std::vector<std::jthread> threads_;
};

Session::Session(const Inodes& inodes, const std::string& mountpoint, const SessionOptions& options,
                 std::function<void()> ready)
    : impl_(std::make_unique<Impl>(inodes, options, std::move(ready))) {
  impl_->mount(mountpoint);
}

Session::Session(const Inodes& inodes, int socket, const SessionOptions& options,
                 std::function<void()> ready)
    : impl_(std::make_unique<Impl>(inodes, options, std::move(ready))) {
  impl_->serve(socket);
}

Session::~Session() = default;

bool Session::run(const std::function<void()>& quiesce, const std::function<void()>& ask_again,
                  const std::function<void()>& ending) {
  return impl_->run(quiesce, ask_again, ending);
}

std::string fuse_library() { return str_cat("libfuse ", ::fuse_pkgversion()); }

}  // namespace digestfs::fs
