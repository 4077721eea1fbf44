// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "registry/image/descriptor.h"

// Documents field by field.

namespace digestfs::companions {

/// A field that differs. Nothing stands for a field that is not there.
struct FieldChange {
  std::string field;  ///< `config.Env.PATH`, `history.02.created_by`
  std::optional<std::string> a = {};
  std::optional<std::string> b = {};
};

using Fields = std::map<std::string, std::string>;

/// Returns the fields of an image config, each under the way that leads to it: names with dots
/// between them, where a name that has a dot is in quotes. A variable of `config.Env` is a field of
/// its own, unless a name is there twice: then the list is one field. `rootfs` is left out: the
/// layers are compared by themselves. Throws `Errc::corrupt`.
[[nodiscard]] Fields config_fields(std::string_view config);

/// Returns annotations as fields.
[[nodiscard]] Fields annotation_fields(const registry::Annotations& annotations);

/// Returns what a descriptor says of its object besides digest and size, as fields below `path`.
[[nodiscard]] Fields descriptor_fields(const registry::Descriptor& descriptor,
                                       const std::string& path);

/// Returns what differs, in order.
[[nodiscard]] std::vector<FieldChange> compare_fields(const Fields& a, const Fields& b);

}  // namespace digestfs::companions
