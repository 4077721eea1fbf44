// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

// Platforms (image-spec image-index.md, "platform"; reference PLAT-1 to PLAT-4).

namespace digestfs::registry {

/// A platform as a document spells it; any part may be empty.
struct Platform {
  std::string os;
  std::string architecture;
  std::string variant;
  std::string os_version;
  std::vector<std::string> os_features;

  friend bool operator==(const Platform&, const Platform&) = default;
};

/// The same platform in containerd's normal form (PLAT-1): aarch64 is arm64, arm64/v8 is arm64, …
[[nodiscard]] Platform normalised(const Platform& platform);

/// `os_arch[_variant][_os.version]` of the platform as it is spelled, every byte outside
/// `[A-Za-z0-9.-]` replaced by `-`, each part at most 64 bytes and all of it at most 242: one
/// harmless path component with room for `@<first 12 hex>` (PLAT-2, M12). Empty where os and
/// architecture are both missing, or both "unknown" (MT-8).
[[nodiscard]] std::string directory_name(const Platform& platform);

/// `OS/ARCH[/VARIANT]`, as `--platform` takes it. Throws `Errc::unsupported` with what is wrong.
[[nodiscard]] Platform parse_platform(std::string_view text);

/// The platform this program runs on, in normal form.
[[nodiscard]] Platform host_platform();

/// The index of the entry of `offered` that suits `wanted` best, or -1 (PLAT-3): the exact variant,
/// then older ones in containerd's order (arm64 → v8 …, arm v7 → v6 → v5, amd64 v3 → v2 → none);
/// the first among equals. Empty platforms and unknown/unknown never match. os.version matters for
/// windows only, when `wanted` has one: the first three components must agree.
[[nodiscard]] int best_match(const std::vector<Platform>& offered, const Platform& wanted);

}  // namespace digestfs::registry
