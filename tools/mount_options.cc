// SPDX-License-Identifier: Apache-2.0
#include "tools/mount_options.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace digestfs::tools {
namespace {

/// Long options that `-o` takes too.
constexpr std::array<std::string_view, 19> kOurs = {
    "cache-dir", "cache-size", "tag-ttl",    "platform", "offline",       "jobs",     "connections",
    "timeout",   "log-level",  "foreground", "creds",    "authfile",      "cert-dir", "tls-verify",
    "debug",     "list-trees", "log-file",   "quiet",    "no-passthrough"};

constexpr std::array<std::string_view, 8> kHandedOn = {
    "allow_other", "allow_root", "auto_unmount", "default_permissions",
    "noatime",     "noexec",     "sync",         "dirsync"};

/// The labels of SELinux, which the kernel takes; each has a value.
constexpr std::array<std::string_view, 4> kLabels = {"context", "fscontext", "defcontext",
                                                     "rootcontext"};

/// The options that mount(8) describes for all file systems, but for those above. The mount is
/// always read-only, nosuid and nodev, and its times never change.
constexpr std::array<std::string_view, 48> kIgnored = {
    "rw",          "ro",          "dev",           "nodev",      "suid",
    "nosuid",      "exec",        "async",         "atime",      "relatime",
    "norelatime",  "strictatime", "nostrictatime", "diratime",   "nodiratime",
    "lazytime",    "nolazytime",  "iversion",      "noiversion", "mand",
    "nomand",      "silent",      "loud",          "defaults",   "auto",
    "noauto",      "user",        "nouser",        "users",      "nousers",
    "owner",       "noowner",     "group",         "nogroup",    "nofail",
    "_netdev",     "symfollow",   "nosymfollow",   "private",    "rprivate",
    "shared",      "rshared",     "slave",         "rslave",     "unbindable",
    "runbindable", "_rnetdev",    "comment"};

/// Options of mount(8) that have a value.
constexpr std::array<std::string_view, 4> kIgnoredWithValue = {"user", "comment", "helper",
                                                               "uhelper"};

template <class List>
bool contains(const List& list, std::string_view word) {
  return std::ranges::find(list, word) != list.end();
}

}  // namespace

MountOption kind_of(std::string_view part) {
  const auto equals = part.find('=');
  const std::string_view name = part.substr(0, equals);
  if (contains(kOurs, name)) return MountOption::ours;
  if (name.starts_with("x-") || name.starts_with("X-")) return MountOption::ignored;
  if (equals == std::string_view::npos) {
    if (contains(kHandedOn, name)) return MountOption::handed_on;
    return contains(kIgnored, name) ? MountOption::ignored : MountOption::unknown;
  }
  if (contains(kLabels, name)) return MountOption::handed_on;
  return contains(kIgnoredWithValue, name) ? MountOption::ignored : MountOption::unknown;
}

std::vector<std::string> split_mount_options(const std::string& list) {
  std::vector<std::string> parts(1);
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i] == '\\' && i + 1 < list.size()) {
      parts.back() += list[++i];
    } else if (list[i] == ',') {
      parts.emplace_back();
    } else {
      parts.back() += list[i];
    }
  }
  std::erase(parts, std::string());
  return parts;
}

}  // namespace digestfs::tools
