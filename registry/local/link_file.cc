// SPDX-License-Identifier: Apache-2.0
#include "registry/local/link_file.h"

namespace digestfs::registry {

std::optional<Digest> parse_link_file(std::string_view text) {
  if (text.size() > kMaxLinkFile) return std::nullopt;
  if (text.ends_with('\n')) text.remove_suffix(1);
  return Digest::parse(text);
}

}  // namespace digestfs::registry
