// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "registry/http/url.h"
#include "registry/image/reference.h"

namespace digestfs::registry {

/// `HOST[:PORT]` as people write it. Credentials and certificates are kept under this name.
[[nodiscard]] std::string authority_of(const Url& url);

/// The repository that a URL of a registry's API (`/v2/<path>/<what>/<which>`) is about. Returns
/// nothing for any other URL.
[[nodiscard]] std::optional<Reference> repository_of(const Url& url);

}  // namespace digestfs::registry
