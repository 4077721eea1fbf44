// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"
#include "registry/http/http.h"
#include "registry/http/secrets.h"

namespace digestfs::registry {

/// Returns the error that a status other than 2xx means (DEC-6, EP-0). The status decides; the
/// error code in the body only tells a rate limit from another refusal (RTY-4). `body` may be JSON,
/// text or HTML, cut or empty. The message quotes only a registry's own `code` and `message`, or
/// the first line of a text, and nothing that is in `secrets`. `who` is the subject of the
/// sentence.
[[nodiscard]] Error failure_of(int status, std::string_view body,
                               std::string_view who = "the registry", const Secrets& secrets = {});

/// The same for an answer as it came. The message also names the proxy on the way (PRX-2).
[[nodiscard]] Error failure_of(const HttpHead& head, std::string_view body,
                               std::string_view who = "the registry", const Secrets& secrets = {});

/// Prepares the words of a server for a message: at most `most` bytes on one line, without control
/// characters that a terminal obeys, and without what is in `secrets`.
[[nodiscard]] std::string shown_text(std::string_view text, const Secrets& secrets,
                                     std::size_t most = 200);

}  // namespace digestfs::registry
