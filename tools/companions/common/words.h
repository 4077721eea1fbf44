// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"

// Numbers, times and digests as people read them.

namespace digestfs::companions {

/// Returns the size as `digestfs::size_text` writes it, or `?` if it is not known.
[[nodiscard]] std::string size_text(std::optional<std::uint64_t> bytes);

/// Returns how long ago something was, as podman says it: `3 weeks ago`.
[[nodiscard]] std::string age_text(std::chrono::seconds age);

/// Returns `count` and its noun: `1 layer`, `2 layers`.
[[nodiscard]] std::string counted(std::size_t count, std::string_view noun);

/// Says whether digests are written whole or as the first twelve digits of their hash.
enum class Digests { whole, brief };

/// Returns `digest` in that length.
[[nodiscard]] std::string digest_text(const Digest& digest, Digests digests);
[[nodiscard]] std::string digest_text(const std::optional<Digest>& digest, Digests digests);

}  // namespace digestfs::companions
