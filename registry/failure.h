// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace digestfs::registry {

/// What a status other than 2xx means for us (DEC-6, EP-0): the status decides, the error code in
/// the body only tells a rate limit apart (RTY-4). `body` may be JSON, text, HTML, cut or
/// empty; of its words only a registry's own `code` and `message` are quoted, or a first line of
/// text. `who` is the subject of the sentence.
[[nodiscard]] Error failure_of(int status, std::string_view body,
                               std::string_view who = "the registry");

}  // namespace digestfs::registry
