// SPDX-License-Identifier: Apache-2.0
#include "registry/host/api_url.h"

#include <string_view>

namespace digestfs::registry {

std::string authority_of(const Url& url) {
  std::string host = url.origin().substr(url.scheme().size() + std::string_view("://").size());
  constexpr std::string_view kUsual = ":443";
  if (url.scheme() == "https" && host.ends_with(kUsual)) host.resize(host.size() - kUsual.size());
  return host;
}

std::optional<Reference> repository_of(const Url& url) {
  constexpr std::string_view kApi = "/v2/";
  std::string_view path = url.path();
  if (!path.starts_with(kApi)) return std::nullopt;
  path.remove_prefix(kApi.size());
  for (int i = 0; i < 2; ++i) {
    const auto slash = path.rfind('/');
    if (slash == std::string_view::npos) return std::nullopt;
    path = path.substr(0, slash);
  }
  if (!is_repository_path(path)) return std::nullopt;
  return Reference{.domain = authority_of(url), .path = std::string(path), .tag = {}, .digest = {}};
}

}  // namespace digestfs::registry
