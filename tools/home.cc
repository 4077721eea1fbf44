// SPDX-License-Identifier: Apache-2.0
#include "tools/home.h"

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>
#include <vector>

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/exit_code.h"

namespace digestfs::tools {
namespace {

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::string home_in_database(uid_t user) {
  constexpr std::size_t kMostBytes = std::size_t{1} << 20U;
  for (std::size_t size = 1024; size <= kMostBytes; size *= 2) {
    std::vector<char> text(size);
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwuid_r(user, &entry, text.data(), text.size(), &found) == ERANGE) continue;
    return found == nullptr || found->pw_dir == nullptr ? std::string() : found->pw_dir;
  }
  return {};
}

bool is_in_user_namespace() {
  std::ifstream map("/proc/self/uid_map");
  return is_of_user_namespace(
      {std::istreambuf_iterator<char>(map), std::istreambuf_iterator<char>()});
}

bool is_absolute(const std::string& path) { return path.starts_with('/'); }

}  // namespace

Surroundings look_around() {
  Surroundings around;
  around.user = ::getuid();
  around.in_user_namespace = is_in_user_namespace();
  around.cache_variable = variable("XDG_CACHE_HOME");
  around.home_variable = variable("HOME");
  struct stat status {};
  around.home_is_foreign =
      ::stat(around.home_variable.c_str(), &status) == 0 && status.st_uid != around.user;
  around.home_in_database = home_in_database(around.user);
  return around;
}

bool is_root_of_the_machine() { return ::geteuid() == 0 && !is_in_user_namespace(); }

bool is_of_user_namespace(const std::string& uid_map) {
  std::istringstream words(uid_map);
  std::uint64_t inside = 0;
  std::uint64_t outside = 0;
  std::uint64_t count = 0;
  // Without /proc, or without user namespaces, there is no map.
  if (!(words >> inside >> outside >> count)) return false;
  return inside != 0 || outside != 0 || count != std::numeric_limits<std::uint32_t>::max();
}

std::string home_directory(const Surroundings& surroundings) {
  const bool is_usable = is_absolute(surroundings.home_variable);
  if (is_usable && !surroundings.home_is_foreign) return surroundings.home_variable;
  if (is_absolute(surroundings.home_in_database)) return surroundings.home_in_database;
  // In some containers the user is in no database, and HOME belongs to root.
  return is_usable ? surroundings.home_variable : std::string();
}

std::filesystem::path default_cache_dir(const Surroundings& surroundings) {
  // XDG Base Directory Specification: a relative path is to be ignored.
  if (is_absolute(surroundings.cache_variable)) {
    return std::filesystem::path(surroundings.cache_variable) / "digestfs";
  }
  if (surroundings.user == 0 && !surroundings.in_user_namespace) return "/var/cache/digestfs";
  const std::string home = home_directory(surroundings);
  if (!home.empty()) return std::filesystem::path(home) / ".cache" / "digestfs";
  throw UsageError("no home directory is known, and XDG_CACHE_HOME is not set; give --cache-dir");
}

}  // namespace digestfs::tools
