// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "registry/host/client_options.h"
#include "registry/image/reference.h"

namespace digestfs::registry {

/// The repositories of a registry by its own account (`_catalog`, EP-11): an extension that many
/// registries do not have, or not for everybody.
struct Catalog {
  std::vector<std::string> repositories;  ///< paths that match the grammar, sorted, each once
  bool is_complete = true;                ///< there are no others that we know of
  /// Why there is no such account. Of the registry's repositories it says nothing.
  std::optional<std::string> refusal = {};
};

/// What a page of the catalogue lists. What is no path of a repository is left out. Throws
/// `Errc::corrupt` for what is no JSON object with such a list, which may be null.
[[nodiscard]] std::vector<std::string> parse_repositories(std::string_view body);

/// Asks `registry` (`Reference::parse_registry`), at most a thousand repositories. A refusal is
/// part of the answer and no failure (L5). Throws `unavailable`, `timed_out` and `rate_limited`
/// where the registry cannot be asked, and `interrupted` on `stop`.
[[nodiscard]] Catalog list_repositories(const Reference& registry, ClientOptions options,
                                        const std::stop_token& stop);

}  // namespace digestfs::registry
