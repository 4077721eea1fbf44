// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

// Platforms (image-spec image-index.md, "platform"; reference PLAT-1 to PLAT-4).

namespace digestfs::registry {

/// A platform as a document spells it. Any part may be empty.
struct Platform {
  std::string os;
  std::string architecture;
  std::string variant;
  std::string os_version;
  std::vector<std::string> os_features;

  friend bool operator==(const Platform&, const Platform&) = default;
};

/// Returns `platform` in containerd's normal form (PLAT-1): aarch64 becomes arm64, arm64/v8 becomes
/// arm64, and so on.
[[nodiscard]] Platform normalised(const Platform& platform);

/// Returns a harmless name for the directory of `platform` as it is spelled:
/// `os_arch[_variant][_os.version]`. Every byte outside `[A-Za-z0-9.-]` becomes `-`. Each part has
/// at most 64 bytes and the whole at most 242, which leaves room for `@<first 12 hex>` (PLAT-2,
/// M12). The name is empty if os and architecture are both missing, or both "unknown" (MT-8).
[[nodiscard]] std::string directory_name(const Platform& platform);

/// Reads `OS/ARCH[/VARIANT]`, as `--platform` takes it. Throws `Errc::unsupported` with what is
/// wrong.
[[nodiscard]] Platform parse_platform(std::string_view text);

/// The platform this program runs on, in normal form.
[[nodiscard]] Platform host_platform();

/// Returns the index of the entry of `offered` that suits `wanted` best, or -1 if none does
/// (PLAT-3). The exact variant is best, then older variants in containerd's order (arm v7, v6, v5;
/// amd64 v3, v2, none). The first of equal entries wins. Empty platforms and unknown/unknown never
/// match. For windows, the first three components of os.version must agree if `wanted` has one.
[[nodiscard]] int best_match(const std::vector<Platform>& offered, const Platform& wanted);

}  // namespace digestfs::registry
