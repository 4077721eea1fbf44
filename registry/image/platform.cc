// SPDX-License-Identifier: Apache-2.0
#include "registry/image/platform.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <optional>

#include <sys/utsname.h>

#include "base/error.h"
#include "base/text.h"

namespace digestfs::registry {
namespace {

constexpr std::size_t kMaxPart = 64;
// The longest name, so that `@` and 12 digits fit behind it in a file name of 255 bytes.
constexpr std::size_t kMaxName = 255 - 13;

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return result;
}

/// Makes one part of a name, without characters that have a meaning for a file system or a shell.
std::string harmless(std::string_view text) {
  std::string part(text.substr(0, kMaxPart));
  std::ranges::replace_if(
      part, [](char c) { return !is_alnum(c) && c != '.' && c != '-'; }, '-');
  return part;
}

/// Gives an architecture its usual name, and takes a variant out of it.
void normalise_architecture(Platform& platform) {
  std::string& architecture = platform.architecture;
  std::string& variant = platform.variant;
  if (architecture == "i386") {
    architecture = "386";
    variant.clear();
  } else if (architecture == "x86_64" || architecture == "x86-64" || architecture == "amd64") {
    architecture = "amd64";
    if (variant == "v1") variant.clear();
  } else if (architecture == "aarch64" || architecture == "arm64") {
    architecture = "arm64";
    if (variant == "8" || variant == "v8" || variant == "v8.0") variant.clear();
    if (variant == "9" || variant == "9.0" || variant == "v9.0") variant = "v9";
  } else if (architecture == "armhf") {
    architecture = "arm";
    variant = "v7";
  } else if (architecture == "armel") {
    architecture = "arm";
    variant = "v6";
  } else if (architecture == "arm") {
    if (variant.empty() || variant == "7") variant = "v7";
    if (variant == "5" || variant == "6" || variant == "8") variant.insert(0, "v");
  }
}

/// The architectures and variants that a machine of platform `wanted` can run, the best first
/// (PLAT-3).
std::vector<std::pair<std::string, std::string>> runnable(const Platform& wanted) {
  std::vector<std::pair<std::string, std::string>> list = {{wanted.architecture, wanted.variant}};
  const auto level = [&](int otherwise) {
    const std::string& variant = wanted.variant;
    const bool is_level =
        variant.size() == 2 && variant[0] == 'v' && variant[1] >= '1' && variant[1] <= '9';
    return is_level ? variant[1] - '0' : otherwise;
  };
  if (wanted.architecture == "amd64") {
    for (int i = level(1) - 1; i > 1; --i) list.emplace_back("amd64", str_cat("v", i));
    if (!wanted.variant.empty()) list.emplace_back("amd64", "");
    list.emplace_back("386", "");
  } else if (wanted.architecture == "arm64") {
    for (int i = level(8) - 1; i > 8; --i) list.emplace_back("arm64", str_cat("v", i));
    if (!wanted.variant.empty()) list.emplace_back("arm64", "");
    for (int i = 8; i >= 5; --i) list.emplace_back("arm", str_cat("v", i));
  } else if (wanted.architecture == "arm") {
    for (int i = level(7) - 1; i >= 5; --i) list.emplace_back("arm", str_cat("v", i));
  }
  return list;
}

std::string build_of(std::string_view version) {
  std::size_t end = 0;
  for (int dots = 0; end < version.size(); ++end) {
    if (version[end] == '.' && ++dots == 3) break;
  }
  return std::string(version.substr(0, end));
}

}  // namespace

Platform normalised(const Platform& platform) {
  Platform result = platform;
  result.os = lower(platform.os);
  if (result.os == "macos") result.os = "darwin";
  result.architecture = lower(platform.architecture);
  result.variant = lower(platform.variant);
  normalise_architecture(result);
  return result;
}

std::string directory_name(const Platform& platform) {
  const bool nothing = platform.os.empty() && platform.architecture.empty();
  const bool unknown = platform.os == "unknown" && platform.architecture == "unknown";
  if (nothing || unknown) return {};
  std::string name = harmless(platform.os.empty() ? "unknown" : platform.os);
  name += '_';
  name += harmless(platform.architecture.empty() ? "unknown" : platform.architecture);
  if (!platform.variant.empty()) name += '_' + harmless(platform.variant);
  if (!platform.os_version.empty()) name += '_' + harmless(platform.os_version);
  if (name.size() > kMaxName) name.resize(kMaxName);
  // A part of dots alone would not be a name.
  if (name.front() == '.') name.front() = '-';
  return name;
}

Platform parse_platform(std::string_view text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == '/') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  const auto is_good = [](const std::string& part) {
    return !part.empty() && std::ranges::all_of(part, [](char c) {
      return is_alnum(c) || c == '.' || c == '-' || c == '_';
    });
  };
  if (parts.size() < 2 || parts.size() > 3 || !std::ranges::all_of(parts, is_good)) {
    throw Error(Errc::unsupported,
                str_cat("'", text, "' is no platform; write OS/ARCH or OS/ARCH/VARIANT"));
  }
  Platform platform;
  platform.os = parts[0];
  platform.architecture = parts[1];
  if (parts.size() == 3) platform.variant = parts[2];
  return normalised(platform);
}

Platform host_platform() {
  utsname system{};
  Platform platform;
  platform.os = "linux";
  if (::uname(&system) == 0) {
    const std::string machine(static_cast<const char*>(system.machine));
    platform.architecture = machine;
    if (machine.starts_with("i") && machine.ends_with("86")) platform.architecture = "386";
    if (machine.starts_with("armv")) {
      platform.architecture = "arm";
      platform.variant = machine.substr(3, 2);
    }
    if (machine == "ppc64le" || machine == "s390x" || machine == "riscv64") {
      platform.architecture = machine;
    }
  }
  return normalised(platform);
}

int best_match(const std::vector<Platform>& offered, const Platform& wanted) {
  const Platform target = normalised(wanted);
  int best = -1;
  std::size_t best_rank = std::numeric_limits<std::size_t>::max();
  const auto list = runnable(target);
  for (std::size_t i = 0; i < offered.size(); ++i) {
    // A platform without a name matches nothing.
    if (offered[i].os.empty() || offered[i].architecture.empty()) continue;
    const Platform candidate = normalised(offered[i]);
    if (candidate.os != target.os || candidate.os == "unknown") continue;
    if (target.os == "windows" && !target.os_version.empty() &&
        build_of(candidate.os_version) != build_of(target.os_version)) {
      continue;
    }
    const auto at = std::ranges::find(
        list, std::pair<std::string, std::string>(candidate.architecture, candidate.variant));
    const auto rank = static_cast<std::size_t>(at - list.begin());
    if (at != list.end() && rank < best_rank) {
      best_rank = rank;
      best = static_cast<int>(i);
    }
  }
  return best;
}

}  // namespace digestfs::registry
