// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace digestfs {

/// Encodes as in RFC 4648, section 4, with padding.
[[nodiscard]] std::string encode_base64(std::string_view bytes);

/// Decodes either alphabet of RFC 4648, padded or not, because all of these occur (MT-6, CRED-3).
/// Returns nothing if `text` is not base64.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace digestfs
