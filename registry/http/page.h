// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "registry/http/http.h"
#include "registry/http/url.h"

namespace digestfs::registry {

/// The target of the page after the one that was `asked` for and answered with `head` by
/// `answerer`, where that led; nothing at the end of a list. Only path and query are taken from its
/// `Link`: a registry behind a proxy may not know its own name, and no link leads to another
/// (EP-10). The path is `asked`'s where the answerer has another one for the same list. Throws
/// `Errc::corrupt` where the link leads out of `/v2/`, or from an answerer's list to a different
/// one.
[[nodiscard]] std::optional<std::string> next_page(const HttpHead& head, const std::string& asked,
                                                   const Url& answerer);

}  // namespace digestfs::registry
