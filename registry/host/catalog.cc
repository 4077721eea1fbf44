// SPDX-License-Identifier: Apache-2.0
#include "registry/host/catalog.h"

#include <cstddef>
#include <memory>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "registry/host/access.h"
#include "registry/host/host.h"
#include "registry/http/page.h"
#include "registry/image/json.h"

namespace digestfs::registry {
namespace {

constexpr std::size_t kMaxPage = std::size_t{8} << 20U;
constexpr std::size_t kMaxRepositories = 1000;
constexpr std::size_t kMaxCatalogPages = 100;

}  // namespace

std::vector<std::string> parse_repositories(std::string_view body) {
  std::vector<std::string> repositories;
  read_list(body, "repositories", [&](std::string_view /*type*/, const std::string* name) {
    if (name != nullptr && is_repository_path(*name)) repositories.push_back(*name);
  });
  return repositories;
}

Catalog list_repositories(const Reference& registry, ClientOptions options,
                          const Request& request) {
  Access access(std::make_shared<Host>(registry, std::move(options)), registry);
  std::set<std::string> names;
  std::set<std::string> asked;
  Catalog catalog;
  try {
    access.persist(str_cat("list the repositories of ", registry.domain), request, [&] {
      asked.clear();
      std::optional<std::string> page = "/v2/_catalog";
      while (page && asked.insert(*page).second) {
        const Document document =
            access.read({.target = *page, .depends_on_login = true}, kMaxPage, request);
        for (std::string& name : parse_repositories(document.body)) names.insert(std::move(name));
        page = next_page(document.head, *page, document.url);
        catalog.is_complete = !page;
        if (names.size() >= kMaxRepositories || asked.size() >= kMaxCatalogPages) break;
      }
    });
  } catch (const Error& error) {
    // A registry that cannot be asked now has not answered.
    if (!is_answer(error.code())) throw;
    catalog.is_complete = false;
    catalog.refusal = error.what();
  }
  catalog.repositories.assign(names.begin(), names.end());
  if (catalog.repositories.size() > kMaxRepositories) {
    catalog.repositories.resize(kMaxRepositories);
    catalog.is_complete = false;
  }
  return catalog;
}

}  // namespace digestfs::registry
