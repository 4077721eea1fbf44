// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace digestfs::registry {

/// Returns the media type of an index or a manifest, for a place that keeps none beside it: the
/// type that the document gives itself, or else what its members tell (MT-3). Returns an empty text
/// for anything else.
[[nodiscard]] std::string document_type(std::string_view bytes);

}  // namespace digestfs::registry
