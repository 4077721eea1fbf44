// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include <sys/types.h>

// Whose directories the program uses. The environment does not always say: mount(8) runs the
// program as the user who called it, and leaves HOME=/root behind.

namespace digestfs::tools {

/// The facts that decide. Each text is empty if the fact is not known.
struct Surroundings {
  uid_t user = 0;
  bool in_user_namespace = false;  ///< `user` is the user ID inside of a user namespace
  std::string cache_variable;      ///< XDG_CACHE_HOME
  std::string home_variable;       ///< HOME
  bool home_is_foreign = false;    ///< HOME exists and belongs to another user
  std::string home_in_database;    ///< the home directory in the password database
};

/// Asks the environment, the kernel and the password database.
[[nodiscard]] Surroundings look_around();

/// Returns true if the program runs as root outside of every user namespace.
[[nodiscard]] bool is_root_of_the_machine();

/// Returns true if `uid_map`, the text of /proc/self/uid_map, is not that of the initial namespace.
[[nodiscard]] bool is_of_user_namespace(const std::string& uid_map);

/// Returns the home directory, or an empty text if there is none.
[[nodiscard]] std::string home_directory(const Surroundings& surroundings);

/// Returns the directory of the cache if no option names one. Throws `UsageError` if nothing says
/// where it could be.
[[nodiscard]] std::filesystem::path default_cache_dir(const Surroundings& surroundings);

}  // namespace digestfs::tools
