// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fs/inodes.h"
#include "fs/passthrough_state.h"

namespace digestfs::fs {

struct SessionOptions {
  /// The device that mount(8) and df(1) show.
  std::string name = {};
  /// Further mount options for libfuse, such as `allow_other`. The session puts ro, nosuid and
  /// nodev behind them, because the last option wins.
  std::vector<std::string> mount_options = {};
  /// True if libfuse prints every message (`-d`).
  bool trace = false;
  /// Where to say whether the kernel reads files of the cache by itself (FUSE passthrough). Without
  /// it, the kernel asks for all bytes.
  PassthroughState* passthrough = nullptr;
};

/// A file system that is mounted, or that is served over a socket without any kernel. One thread
/// makes, runs and destroys it. Before it is destroyed everything that could still wake a parked
/// request has to end: stop the workers first.
class Session {
 public:
  /// Mounts the nodes of `inodes` at `mountpoint`, an absolute path. Throws `Errc::unavailable`
  /// where that fails; libfuse has said why on stderr. `ready` is called when the kernel has said
  /// hello.
  Session(const Inodes& inodes, const std::string& mountpoint, const SessionOptions& options,
          std::function<void()> ready);
  /// Serves whoever speaks the kernel's side of the protocol at the other end of `socket`, a
  /// SOCK_SEQPACKET that becomes the session's own.
  Session(const Inodes& inodes, int socket, const SessionOptions& options,
          std::function<void()> ready);
  ~Session();

  /// Serves until the file system is unmounted, or SIGINT or SIGTERM comes. At each SIGHUP calls
  /// `ask_again`, which must not block. The caller has blocked these signals in all threads. At the
  /// end, ends all waiting, calls `quiesce`, and unmounts what is still mounted. `quiesce` ends
  /// whatever could still wake a request.
  ///
  /// Returns false if a thread that serves requests has not ended after half a second, because the
  /// system holds it in a call that cannot be ended, such as a read of a disk that does not answer.
  /// The destructor would wait for that thread; end the process without it.
  ///
  /// `ending` is called when the end begins, before anything that may take long.
  [[nodiscard]] bool run(
      const std::function<void()>& quiesce, const std::function<void()>& ask_again = [] {},
      const std::function<void()>& ending = [] {});

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Returns the name and the version of the library that speaks the kernel's protocol.
[[nodiscard]] std::string fuse_library();

}  // namespace digestfs::fs
