// SPDX-License-Identifier: Apache-2.0
#include "registry/http/content_range.h"

#include "base/text.h"
#include "registry/http/field.h"

namespace digestfs::registry {

std::optional<ContentRange> parse_content_range(std::string_view value) {
  FieldReader field(value);
  if (!equals_folded(field.token(), "bytes")) return std::nullopt;
  field.skip_blanks();
  const auto range = field.up_to('/');
  if (!range) return std::nullopt;
  ContentRange parsed;
  if (field.rest() != "*") {
    parsed.total = parse_decimal(field.rest());
    if (!parsed.total) return std::nullopt;
  }
  if (*range == "*") return parsed.total ? std::optional(parsed) : std::nullopt;
  FieldReader ends(*range);
  const auto before = ends.up_to('-');
  if (!before) return std::nullopt;
  const auto first = parse_decimal(*before);
  const auto last = parse_decimal(ends.rest());
  if (!first || !last || *last < *first || (parsed.total && *last >= *parsed.total)) {
    return std::nullopt;
  }
  parsed.span = {*first, *last};
  return parsed;
}

}  // namespace digestfs::registry
