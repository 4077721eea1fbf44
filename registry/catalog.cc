// SPDX-License-Identifier: Apache-2.0
#include "registry/catalog.h"

#include <cstddef>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "registry/json.h"
#include "registry/page.h"
#include "registry/registry_host.h"

namespace digestfs::registry {
namespace {

constexpr std::size_t kMaxPage = std::size_t{8} << 20U;
constexpr std::size_t kMaxRepositories = 1000;
constexpr std::size_t kMaxPages = 100;

/// Whether the registry, or its token server, said that it will not; not that it cannot now.
bool is_refusal(Errc code) noexcept {
  return code == Errc::denied || code == Errc::not_found || code == Errc::corrupt;
}

}  // namespace

std::vector<std::string> parse_repositories(std::string_view body) {
  const nlohmann::json document = parse_json(body, NameCase::matters);
  if (!document.is_object()) throw Error(Errc::corrupt, "the answer is no JSON object");
  std::vector<std::string> repositories;
  const nlohmann::json* names = member(document, "repositories");
  if (names == nullptr) return repositories;
  if (!names->is_array()) throw Error(Errc::corrupt, "\"repositories\" in the answer is no list");
  for (const nlohmann::json& name : *names) {
    if (name.is_string() && is_repository_path(name.get_ref<const std::string&>())) {
      repositories.push_back(name.get<std::string>());
    }
  }
  return repositories;
}

Catalog list_repositories(const Reference& registry, ClientOptions options,
                          const std::stop_token& stop) {
  RegistryHost host(registry, std::move(options));
  std::set<std::string> names;
  std::set<std::string> asked;
  Catalog catalog;
  try {
    host.persist(str_cat("list the repositories of ", registry.domain), stop, [&] {
      asked.clear();
      std::optional<std::string> page = "/v2/_catalog";
      while (page && asked.insert(*page).second) {
        const Document document = host.read({.target = *page}, kMaxPage, stop);
        for (std::string& name : parse_repositories(document.body)) names.insert(std::move(name));
        page = next_page(document.head, *page);
        catalog.is_complete = !page;
        if (names.size() >= kMaxRepositories || asked.size() >= kMaxPages) break;
      }
    });
  } catch (const Error& error) {
    if (!is_refusal(error.code())) throw;
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
