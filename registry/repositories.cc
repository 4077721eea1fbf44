// SPDX-License-Identifier: Apache-2.0
#include "registry/repositories.h"

#include <algorithm>

#include "registry/image/reference.h"

namespace digestfs::registry {

bool is_repository_name(std::string_view text) {
  if (is_repository_path(text)) return true;
  const auto slash = text.find('/');
  if (slash == std::string_view::npos || !is_repository_path(text.substr(slash + 1))) return false;
  const std::string_view host = text.substr(0, slash + 1);
  const bool has_upper = std::ranges::any_of(host, [](char c) { return c >= 'A' && c <= 'Z'; });
  return !has_upper && Reference::parse_registry(host).has_value();
}

}  // namespace digestfs::registry
