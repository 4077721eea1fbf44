// SPDX-License-Identifier: Apache-2.0
#include "registry/http/page.h"

#include "base/error.h"
#include "base/text.h"
#include "registry/http/link.h"

namespace digestfs::registry {

std::optional<std::string> next_page(const HttpHead& head, const std::string& asked,
                                     const Url& answerer) {
  const std::string path = asked.substr(0, asked.find('?'));
  for (const std::string& field : head.all("Link")) {
    const auto link = next_link(field);
    if (!link) continue;
    // The host does not matter and is not kept.
    const Url url = answerer.resolve(*link);
    if (answerer.path() != path) {
      // Both paths are right: a registry behind another may not know that it is.
      if (url.path() == answerer.path() || url.path() == path) return path + url.query();
      throw Error(Errc::corrupt, "the link to the next page leads to another list");
    }
    if (!url.path().starts_with("/v2/")) {
      throw Error(Errc::corrupt, "the link to the next page leads out of /v2/");
    }
    return url.path() + url.query();
  }
  return std::nullopt;
}

}  // namespace digestfs::registry
