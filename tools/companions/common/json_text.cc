// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/common/json_text.h"

#include <nlohmann/json.hpp>

namespace digestfs::companions {

std::string json_text(const nlohmann::ordered_json& json, JsonLayout layout) {
  constexpr bool kEnsureAscii = true;
  const std::string text = json.dump(layout == JsonLayout::indented ? 2 : -1, ' ', kEnsureAscii,
                                     nlohmann::ordered_json::error_handler_t::replace);
  // JSON has no need to escape DEL, but it is a control all the same.
  std::string harmless;
  for (const char c : text) {
    if (c == '\x7f') {
      harmless += "\\u007f";
    } else {
      harmless += c;
    }
  }
  return harmless;
}

}  // namespace digestfs::companions
