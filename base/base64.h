// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace digestfs {

/// RFC 4648, section 4, padded.
[[nodiscard]] std::string encode_base64(std::string_view bytes);

/// Either alphabet, padded or not: all of these occur (MT-6, CRED-3). Nothing for other text.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace digestfs
