// SPDX-License-Identifier: Apache-2.0
#include "registry/host/tag_list.h"

#include <cstddef>
#include <string>

#include "base/error.h"
#include "base/text.h"
#include "registry/image/json.h"
#include "registry/image/reference.h"

namespace digestfs::registry {
namespace {

constexpr std::size_t kMaxLeftOut = 1000;
constexpr std::size_t kMaxTags = 2'000'000;  // EP-10
constexpr std::size_t kMaxName = 300;        // bytes of one

}  // namespace

TagPage parse_tag_list(std::string_view body) {
  TagPage page;
  std::size_t uncounted = 0;
  read_list(body, "tags", [&](std::string_view type, const std::string* tag) {
    if (tag != nullptr && is_tag(*tag)) {
      if (page.tags.size() == kMaxTags) {
        throw Error(Errc::too_large, str_cat("there are more than ", kMaxTags, " tags on a page"));
      }
      page.tags.push_back(*tag);
    } else if (page.left_out.size() + 1 < kMaxLeftOut) {
      const std::string name = tag == nullptr ? std::string(type) : shortened(*tag, kMaxName);
      page.left_out.push_back({name, "it does not match the grammar of tags"});
    } else {
      ++uncounted;
    }
  });
  if (uncounted != 0) {
    page.left_out.push_back({"", str_cat(uncounted, " further names do not match the grammar")});
  }
  return page;
}

}  // namespace digestfs::registry
