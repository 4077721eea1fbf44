// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/request.h"
#include "registry/host/client_options.h"
#include "registry/image/reference.h"

namespace digestfs::registry {

/// The repositories of a registry as its catalogue lists them (`_catalog`, EP-11). Many registries
/// have no catalogue, or not for everybody.
struct Catalog {
  std::vector<std::string>
      repositories;         ///< Paths that match the grammar, sorted, without repeats.
  bool is_complete = true;  ///< The catalogue was read to its end.
  /// Why there is no catalogue. That says nothing about which repositories exist.
  std::optional<std::string> refusal = {};
};

/// Reads a page of the catalogue. Leaves out names that are no path of a repository. Throws
/// `Errc::corrupt` if `body` is no JSON object with such a list. The list may be null.
[[nodiscard]] std::vector<std::string> parse_repositories(std::string_view body);

/// Asks `registry` (from `Reference::parse_registry`) for its catalogue, at most a thousand
/// repositories. If the registry refuses, that is part of the result and no failure (L5). Throws
/// `unavailable`, `timed_out` or `rate_limited` if the registry cannot be asked, and `interrupted`
/// on the stop of `request`.
[[nodiscard]] Catalog list_repositories(const Reference& registry, ClientOptions options,
                                        const Request& request);

}  // namespace digestfs::registry
