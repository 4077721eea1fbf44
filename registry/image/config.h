// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/rfc3339.h"
#include "registry/image/platform.h"

// Image configs (image-spec config.md; reference CFG-1 to CFG-3, DEC-e).

namespace digestfs::registry {

/// The largest config that is read (MT-5): 8 MiB.
inline constexpr std::size_t kMaxConfigBytes = std::size_t{8} << 20U;

struct ImageConfig {
  Platform platform;
  std::string created;  ///< As it is written (RFC 3339), or empty.
  /// Returns the time in `created`, or 1970 if there is none.
  [[nodiscard]] Timestamp created_at() const {
    return parse_rfc3339(created).value_or(Timestamp{});
  }
  /// From the base upwards. An entry that is no digest is absent. There are none if `rootfs.type`
  /// is not `layers`.
  std::vector<std::optional<Digest>> diff_ids;
  /// `created_by` of the history entry of each layer, one for each of `diff_ids`. Empty if the
  /// history does not pair up with the layers (CFG-2).
  std::vector<std::string> created_by;
  /// Sentences about what had to be left out.
  std::vector<std::string> problems;
  /// Sentences about what is odd, but right.
  std::vector<std::string> remarks;
};

/// Reads an image config. Throws `Errc::corrupt` if `bytes` are no config: no JSON object, one with
/// duplicate names at its top level, or one with neither `rootfs` nor `architecture`.
[[nodiscard]] ImageConfig parse_config(std::string_view bytes);

}  // namespace digestfs::registry
