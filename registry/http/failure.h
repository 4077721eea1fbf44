// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"
#include "registry/http/http.h"
#include "registry/http/secrets.h"

namespace digestfs::registry {

/// What a status other than 2xx means for us (DEC-6, EP-0): the status decides, the error code in
/// the body only tells a rate limit apart (RTY-4). `body` may be JSON, text, HTML, cut or
/// empty; of its words only a registry's own `code` and `message` are quoted, or a first line of
/// text, and of those nothing that is in `secrets`. `who` is the subject of the sentence.
[[nodiscard]] Error failure_of(int status, std::string_view body,
                               std::string_view who = "the registry", const Secrets& secrets = {});

/// The same for an answer as it came. The message also names the proxy on the way (PRX-2).
[[nodiscard]] Error failure_of(const HttpHead& head, std::string_view body,
                               std::string_view who = "the registry", const Secrets& secrets = {});

/// What somebody else says, `most` bytes of it: on one line, nothing that a terminal obeys, and
/// nothing that is in `secrets`.
[[nodiscard]] std::string quoted(std::string_view text, const Secrets& secrets,
                                 std::size_t most = 200);

}  // namespace digestfs::registry
