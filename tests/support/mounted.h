// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace digestfs::test {

/// A folder of its own, removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

/// Another program, running. Killed at the end if it still does.
class Process {
 public:
  /// Starts `arguments[0]`; stdout and stderr go to `log`.
  Process(const std::vector<std::string>& arguments, const std::filesystem::path& log);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  /// Waits at most `limit` for its end: the exit code, 128 + signal, or -1 if it still runs.
  int wait(std::chrono::milliseconds limit);
  void signal(int number) const;

 private:
  pid_t pid_ = -1;
  int status_ = -1;
};

/// digestfs(1), mounted for real by the binary in the environment's DIGESTFS, or the one that was
/// built with the tests.
class Mounted {
 public:
  /// Mounts `source`, with a cache of its own unless `options` name one, and waits until it
  /// answers; throws with the log if the program ends instead. `binary` is the program.
  /// `environment` is what env(1) takes: `NAME=VALUE`.
  Mounted(const std::string& binary, const std::string& source,
          const std::vector<std::string>& options = {},
          const std::vector<std::string>& environment = {});
  /// Unmounts.
  ~Mounted();

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return mountpoint_; }
  [[nodiscard]] std::filesystem::path cache() const { return cache_; }
  [[nodiscard]] Process& process() noexcept { return *process_; }
  [[nodiscard]] std::string log() const;
  /// Returns true as soon as the log has `text`, which another thread of the daemon writes; false
  /// if it has not after ten seconds.
  [[nodiscard]] bool await_log(std::string_view text) const;
  [[nodiscard]] bool is_mounted() const;

 private:
  TemporaryDirectory directory_;
  std::filesystem::path mountpoint_;
  std::filesystem::path cache_;
  std::unique_ptr<Process> process_;
};

/// Whether this machine can mount: /dev/fuse is there and fusermount3 or root.
[[nodiscard]] bool can_mount();

/// The whole of a file; throws `std::system_error` with the errno of open(2) or read(2).
[[nodiscard]] std::string slurp(const std::filesystem::path& path);

/// Waits until `path` is there, ten seconds at most: an object gets its name in the cache a moment
/// after a reader has got its content.
void await_file(const std::filesystem::path& path);

/// Calls `look` with the path and the content of each file below `folder`, of none if there is no
/// such folder. A daemon at work renames and removes files meanwhile: if one is gone when it is to
/// be read, all begins again, so that a file with a new name is not missed; `look` sees the others
/// once more. Throws after ten seconds of this.
void for_each_file(
    const std::filesystem::path& folder,
    const std::function<void(const std::filesystem::path& path, const std::string& content)>& look);

/// The files in `cache`'s blobs/, diffs/ and quarantine/ that do not hash to their names (invariant
/// I1).
[[nodiscard]] std::vector<std::string> wrong_files(const std::filesystem::path& cache);

}  // namespace digestfs::test
