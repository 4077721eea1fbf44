// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace digestfs::companions {

/// Says whether JSON is written for people too, or on one line.
enum class JsonLayout { indented, one_line };

/// Returns `json` as text that is harmless on a terminal: every character that is not ASCII is
/// escaped, and bytes that are not UTF-8 are U+FFFD.
[[nodiscard]] std::string json_text(const nlohmann::ordered_json& json,
                                    JsonLayout layout = JsonLayout::indented);

}  // namespace digestfs::companions
