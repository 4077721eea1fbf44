// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "registry/http/http.h"
#include "registry/http/url.h"

namespace digestfs::registry {

/// Returns the target of the next page of a list, or nothing if the page with `head` is the last
/// one. `asked` is the target of this page, and `answerer` the URL that answered after redirects.
/// Only path and query are taken from the `Link` field: a registry behind a proxy may not know its
/// own name, and no link leads to another registry (EP-10). If the answerer has the same list under
/// another path, the result has the path of `asked`. Throws `Errc::corrupt` if the link leads out
/// of `/v2/`, or to a different list.
[[nodiscard]] std::optional<std::string> next_page(const HttpHead& head, const std::string& asked,
                                                   const Url& answerer);

}  // namespace digestfs::registry
