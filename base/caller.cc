// SPDX-License-Identifier: Apache-2.0
#include "base/caller.h"

#include <charconv>
#include <csignal>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <fcntl.h>

#include "base/file.h"

namespace digestfs {
namespace {

/// A set of signals as proc(5) writes it: bit n-1 is signal n.
std::optional<std::uint64_t> signal_set(std::string_view status, std::string_view field) {
  const auto at = status.find(field);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view digits = status.substr(at + field.size());
  digits = digits.substr(0, digits.find('\n'));
  std::uint64_t set = 0;
  const auto [end, problem] =
      std::from_chars(digits.data(), digits.data() + digits.size(), set, 16);
  if (problem != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return set;
}

/// Signals that by themselves do nothing to a process.
constexpr std::uint64_t news() {
  std::uint64_t set = 0;
  for (const int signal : {SIGCHLD, SIGCONT, SIGURG, SIGWINCH}) {
    set |= std::uint64_t{1} << static_cast<unsigned>(signal - 1);
  }
  return set;
}

}  // namespace

bool has_given_up(pid_t thread) noexcept try {
  constexpr std::size_t kMaxStatus = std::size_t{64} << 10U;
  const auto file = open_file(AT_FDCWD, "/proc/" + std::to_string(thread) + "/status", O_RDONLY);
  const std::string status = read_rest(file.get(), kMaxStatus);
  const auto own = signal_set(status, "\nSigPnd:\t");
  const auto shared = signal_set(status, "\nShdPnd:\t");
  const auto blocked = signal_set(status, "\nSigBlk:\t");
  if (!own || !shared || !blocked) return true;
  return ((*own | *shared) & ~*blocked & ~news()) != 0;
} catch (const std::system_error& error) {
  // Without a descriptor or memory nobody can tell, and the caller is looked at again. Otherwise it
  // is gone, or in a process namespace that we cannot see.
  const auto& code = error.code();
  return code != std::errc::too_many_files_open &&
         code != std::errc::too_many_files_open_in_system && code != std::errc::not_enough_memory;
} catch (const std::bad_alloc&) {
  return false;
} catch (const std::exception&) {
  return true;
}

}  // namespace digestfs
