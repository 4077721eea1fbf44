// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "registry/http.h"

namespace digestfs::registry {

/// The target of the page after the one that was `asked` for and answered with `head`; nothing at
/// the end of a list. Only path and query are taken from its `Link`: a registry behind a proxy may
/// not know its own name, and no link leads to another (EP-10). Throws `Errc::corrupt` where it
/// leads out of `/v2/`.
[[nodiscard]] std::optional<std::string> next_page(const HttpHead& head, const std::string& asked);

}  // namespace digestfs::registry
