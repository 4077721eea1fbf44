// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "registry/image/descriptor.h"
#include "registry/source.h"

// The `index.json` of an OCI image layout (image-spec image-layout.md; LOC-1), wherever the layout
// is: in a directory or in an archive.

namespace digestfs::registry {

/// The largest `index.json` or `oci-layout` that is read: 64 MiB.
inline constexpr std::size_t kMaxLayoutFile = std::size_t{64} << 20U;

/// What an `index.json` lists.
struct LayoutIndex {
  /// The readable entries, in their order.
  std::vector<Descriptor> entries;
  /// The entries that cannot be used.
  std::vector<LeftOut> left_out;
};

/// Reads an `index.json`. Throws `Errc::corrupt` with the reason if it is none.
[[nodiscard]] LayoutIndex parse_layout_index(std::string_view bytes);

/// The images of a layout, with and without a tag.
struct LayoutNames {
  std::map<std::string, Descriptor> tags;
  std::vector<Descriptor> untagged;
  std::vector<LeftOut> left_out;

  /// Returns them as the one page of a list of tags.
  [[nodiscard]] TagPage page() const;
  /// Returns what `tag` names, or nothing.
  [[nodiscard]] std::optional<Descriptor> find(const std::string& tag) const;
};

/// Returns the names of the entries. A tag is the annotation `org.opencontainers.image.ref.name`,
/// if it matches the tag grammar. A full reference there (`docker.io/library/x:1`) gives its tag,
/// unless another entry has that tag as its name. The first of several equal names wins; the others
/// are left out with the reason, and are untagged.
[[nodiscard]] LayoutNames layout_names(LayoutIndex index);

/// Reads the marker file `oci-layout` of the layout `source`. Throws `Errc::corrupt` if it is none.
/// An unknown version is a warning in the log.
void check_layout_marker(std::string_view bytes, const std::string& source);

/// Returns the path of an object within a layout.
[[nodiscard]] std::string layout_path(const Digest& digest);

}  // namespace digestfs::registry
