// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sstream>
#include <string>

// Building of messages.

namespace digestfs {

/// The arguments written one after the other as an `ostream` writes them.
template <class... Parts>
[[nodiscard]] std::string str_cat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

}  // namespace digestfs
