// SPDX-License-Identifier: Apache-2.0
#include "tools/switch.h"

#include <algorithm>

#include "base/text.h"
#include "tools/exit_code.h"

namespace digestfs::tools {

bool parse_switch(const std::string& option, const std::string& text) {
  std::string word = text;
  std::ranges::transform(word, word.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  for (const char* on : {"true", "yes", "on", "1", "t"}) {
    if (word == on) return true;
  }
  for (const char* off : {"false", "no", "off", "0", "f"}) {
    if (word == off) return false;
  }
  throw UsageError(str_cat("--", option, " takes true or false, not '", text, "'"));
}

}  // namespace digestfs::tools
