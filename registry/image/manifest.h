// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "registry/image/descriptor.h"

// Indexes and manifests, read from bytes that were verified before (VER-7). The raw bytes remain
// what the mount shows (DEC-1); a `Manifest` is a view of them.

namespace digestfs::registry {

/// The largest index or manifest that is read (MT-5): 4 MiB.
inline constexpr std::size_t kMaxManifestBytes = std::size_t{4} << 20U;

enum class ManifestKind {
  index,     ///< An OCI image index or a Docker manifest list.
  image,     ///< An OCI manifest or Docker schema 2 whose config is an image config.
  artifact,  ///< An OCI manifest of anything else (MT-7), or the withdrawn artifact manifest.
  schema1,   ///< Docker schema 1: layers, but no config, no sizes, no diff_ids (MT-6).
};

struct Manifest {
  ManifestKind kind = ManifestKind::image;
  /// What the document itself says; empty if it says nothing.
  std::string media_type;
  std::string artifact_type;
  Annotations annotations;
  std::optional<Descriptor> subject;
  /// The readable entries of an index, in order, with duplicates.
  std::vector<Descriptor> manifests;
  std::optional<Descriptor> config;
  /// From the base upwards, with duplicates. A layer whose descriptor cannot be used is absent
  /// (M9), so that its siblings keep their numbers.
  std::vector<std::optional<Descriptor>> layers;
  /// For schema 1 only: the command that made each layer, in the order of `layers`.
  std::vector<std::string> created_by;
  /// Sentences about what had to be left out. The document is usable all the same.
  std::vector<std::string> problems;
  /// Sentences about what is odd, but right.
  std::vector<std::string> remarks;
};

/// Reads an index or a manifest of any kind. The body decides of which kind; `hint`, the media type
/// of the descriptor that led here (may be empty), decides only if the body does not say (MT-3).
/// Throws `Errc::corrupt` with the reason if `bytes` are no such document, are ambiguous (MT-4:
/// entries of two kinds, names at the top level that are equal or differ only in case, a type of
/// the other class in the body), or break a limit (MT-5).
[[nodiscard]] Manifest parse_manifest(std::string_view bytes, std::string_view hint = {});

/// Says why a document that calls itself `stated` cannot be what `hint` refers to: the two types
/// are of different classes (MT-4). Returns nothing if they are of one class, or one of them is
/// empty.
[[nodiscard]] std::optional<std::string> contradiction(std::string_view stated,
                                                       std::string_view hint);

/// Returns the part of a schema 1 manifest that its digest is computed from (MT-6): the payload of
/// a signed manifest, or `bytes` as they are. Throws `Errc::corrupt` if the signatures make no
/// sense.
[[nodiscard]] std::string signed_payload(std::string_view bytes);

}  // namespace digestfs::registry
