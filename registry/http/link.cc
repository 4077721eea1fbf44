// SPDX-License-Identifier: Apache-2.0
#include "registry/http/link.h"

#include "registry/http/field.h"

namespace digestfs::registry {
namespace {

/// Whether `next` is among the relations in `value`, which are separated by blanks.
bool is_next(std::string_view value) {
  FieldReader relations(value);
  for (;;) {
    relations.skip_blanks();
    if (relations.at_end()) return false;
    const std::string_view relation = relations.token();
    if (equals_folded(relation, "next")) return true;
    if (relation.empty()) relations.skip_any();
  }
}

}  // namespace

std::optional<std::string> next_link(std::string_view value) {
  FieldReader field(value);
  while (field.up_to('<')) {
    const auto target = field.up_to('>');
    if (!target) return std::nullopt;
    std::optional<std::string> relation;
    for (;;) {
      field.skip_blanks();
      if (!field.skip(';')) break;
      field.skip_blanks();
      const std::string_view name = field.token();
      field.skip_blanks();
      std::string parameter;
      if (field.skip('=')) {
        field.skip_blanks();
        parameter = field.value();
      }
      // Only the first `rel` of a link counts (RFC 8288, 3.3).
      if (!relation && equals_folded(name, "rel")) relation = std::move(parameter);
    }
    if (relation && is_next(*relation)) return std::string(*target);
  }
  return std::nullopt;
}

}  // namespace digestfs::registry
