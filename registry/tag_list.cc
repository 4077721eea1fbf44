// SPDX-License-Identifier: Apache-2.0
#include "registry/tag_list.h"

#include <cstddef>
#include <string>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "registry/json.h"
#include "registry/reference.h"

namespace digestfs::registry {
namespace {

constexpr std::size_t kMaxLeftOut = 1000;

}  // namespace

TagPage parse_tag_list(std::string_view body) {
  const nlohmann::json document = parse_json(body, NameCase::matters);
  if (!document.is_object()) throw Error(Errc::corrupt, "the answer is no JSON object");
  TagPage page;
  const nlohmann::json* tags = member(document, "tags");
  if (tags == nullptr) return page;
  if (!tags->is_array()) throw Error(Errc::corrupt, "\"tags\" in the answer is no list");
  std::size_t uncounted = 0;
  for (const nlohmann::json& tag : *tags) {
    if (tag.is_string() && is_tag(tag.get_ref<const std::string&>())) {
      page.tags.push_back(tag.get<std::string>());
    } else if (page.left_out.size() + 1 < kMaxLeftOut) {
      page.left_out.push_back({tag.is_string() ? tag.get<std::string>() : tag.type_name(),
                               "it does not match the grammar of tags"});
    } else {
      ++uncounted;
    }
  }
  if (uncounted != 0) {
    page.left_out.push_back({"", str_cat(uncounted, " further names do not match the grammar")});
  }
  return page;
}

}  // namespace digestfs::registry
