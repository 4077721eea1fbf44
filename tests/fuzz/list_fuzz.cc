// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "registry/host/catalog.h"
#include "registry/host/tag_list.h"
#include "registry/http/http.h"
#include "registry/http/page.h"
#include "registry/image/json.h"
#include "registry/image/reference.h"
#include "tests/fuzz/require.h"

// Lists of tags and repositories, which are read without keeping the document, held against what a
// whole document would have given; and where a list goes on.

namespace {

using digestfs::Errc;
using digestfs::Error;
namespace registry = digestfs::registry;

/// The names in the member `list` that `is_good` takes; nothing where the body is no such list.
template <class IsGood>
std::optional<std::vector<std::string>> expected(std::string_view body, const char* list,
                                                 const IsGood& is_good) {
  nlohmann::json document;
  try {
    document = registry::parse_json(body, registry::NameCase::matters);
  } catch (const Error&) {
    return std::nullopt;
  }
  std::vector<std::string> names;
  if (!document.is_object()) return std::nullopt;
  const nlohmann::json* elements = registry::member(document, list);
  if (elements == nullptr) return names;
  if (!elements->is_array()) return std::nullopt;
  for (const nlohmann::json& element : *elements) {
    if (element.is_string() && is_good(element.get<std::string>())) {
      names.push_back(element.get<std::string>());
    }
  }
  return names;
}

template <class Read>
std::optional<std::vector<std::string>> outcome(const Read& read) {
  try {
    return read();
  } catch (const Error& error) {
    require(error.code() == Errc::corrupt);
    return std::nullopt;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  require(outcome([&] { return registry::parse_tag_list(text).tags; }) ==
          expected(text, "tags", [](const std::string& name) { return registry::is_tag(name); }));
  require(outcome([&] { return registry::parse_repositories(text); }) ==
          expected(text, "repositories",
                   [](const std::string& name) { return registry::is_repository_path(name); }));
  try {
    const registry::HttpHead head{.status = 200, .fields = {{"Link", std::string(text)}}};
    for (const char* answerer : {"https://h.example/v2/a/tags/list", "http://o.example/v2/b/c"}) {
      const auto next =
          registry::next_page(head, "/v2/a/tags/list", registry::Url::parse(answerer));
      require(!next || next->starts_with("/v2/"));
    }
  } catch (const Error& error) {
    require(error.code() == Errc::corrupt);
  }
  return 0;
}
