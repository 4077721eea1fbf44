// SPDX-License-Identifier: Apache-2.0
#include "registry/page.h"

#include "base/error.h"
#include "base/text.h"
#include "registry/link.h"
#include "registry/url.h"

namespace digestfs::registry {

std::optional<std::string> next_page(const HttpHead& head, const std::string& asked) {
  for (const std::string& field : head.all("Link")) {
    const auto link = next_link(field);
    if (!link) continue;
    // The host does not matter and is not kept.
    const Url url = Url::parse(str_cat("https://registry.invalid", asked)).resolve(*link);
    if (!url.path().starts_with("/v2/")) {
      throw Error(Errc::corrupt, "the link to the next page leads out of /v2/");
    }
    return url.path() + url.query();
  }
  return std::nullopt;
}

}  // namespace digestfs::registry
