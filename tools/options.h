// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/log.h"
#include "cache/content.h"
#include "fs/tree/rootfs_builder.h"
#include "registry/image/platform.h"
#include "tools/exit_code.h"

namespace digestfs::tools {

enum class Action { mount, help, version };

/// The command line of digestfs(1), with the defaults for what it does not say.
struct Options {
  Action action = Action::mount;
  std::string source;
  std::string mountpoint;
  std::filesystem::path cache_dir;
  std::uint64_t cache_size = 0;
  std::chrono::seconds tag_ttl{};
  registry::Platform platform;
  cache::Network network = cache::Network::allowed;
  std::size_t jobs = 0;
  std::size_t connections = 0;
  std::chrono::seconds timeout{};
  std::optional<std::string> credentials;  ///< `USER[:PASSWORD]`
  std::optional<std::filesystem::path> auth_file;
  std::optional<std::filesystem::path> certificates;
  bool verify_tls = true;
  /// True if listings show the trees of files. Without it, those of one repository do.
  std::optional<bool> list_trees;
  LogLevel log_level = LogLevel::warning;
  std::optional<std::filesystem::path> log_file;
  bool quiet = false;
  bool foreground = false;
  bool trace = false;  ///< `-d`
  /// True if the kernel may read files of the cache by itself.
  bool passthrough = true;
  /// `-o transform_symlinks`
  fs::AbsoluteLinks absolute_links = fs::AbsoluteLinks::keep;
  /// The parts of `-o` that libfuse and the kernel are given.
  std::vector<std::string> mount_options;
};

/// Reads the arguments, which do not include the program's name. Throws `UsageError`.
[[nodiscard]] Options parse_options(const std::vector<std::string>& arguments);

/// Returns the text that `--help` prints.
[[nodiscard]] std::string help_text();

/// Returns the name and the version of the library that reads command lines.
[[nodiscard]] std::string options_library();

/// Overwrites the passwords in the words of a command line. Everybody on the machine can read these
/// words while the program runs (promise 8).
void hide_passwords(std::span<char* const> words) noexcept;

/// Returns the number of bytes that `text` is: `10G`, `512M` or `1048576`, with units that are
/// powers of 1024. Throws `UsageError`.
[[nodiscard]] std::uint64_t parse_size(const std::string& text);

}  // namespace digestfs::tools
