// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "registry/image/descriptor.h"

// Indexes and manifests, read from bytes that were verified before (VER-7). Raw bytes stay the only
// truth (DEC-1); this is a view of them.

namespace digestfs::registry {

/// The largest index or manifest that is read (MT-5): 4 MiB.
inline constexpr std::size_t kMaxManifestBytes = std::size_t{4} << 20U;

enum class ManifestKind {
  index,     ///< OCI image index or Docker manifest list
  image,     ///< OCI manifest or Docker schema 2 whose config is an image config
  artifact,  ///< an OCI manifest of anything else (MT-7), or the withdrawn artifact manifest
  schema1,   ///< Docker schema 1: layers, but no config, no sizes, no diff_ids (MT-6)
};

struct Manifest {
  ManifestKind kind = ManifestKind::image;
  /// As the document says it; empty where it does not.
  std::string media_type;
  std::string artifact_type;
  Annotations annotations;
  std::optional<Descriptor> subject;
  /// Of an index: its entries that could be read, in order; duplicates kept.
  std::vector<Descriptor> manifests;
  std::optional<Descriptor> config;
  /// From the base, duplicates kept. Nothing where the document's descriptor cannot be used (M9):
  /// its siblings keep their numbers.
  std::vector<std::optional<Descriptor>> layers;
  /// Of schema 1 only: the command that made each layer, in the order of `layers`.
  std::vector<std::string> created_by;
  /// Sentences about what had to be left out; the document is usable all the same.
  std::vector<std::string> problems;
};

/// Reads an index or manifest of any kind. What the body says decides; `hint`, the media type by
/// which it was referred to (may be empty), only where the body is silent (MT-3).
/// Throws `Errc::corrupt` for what is no such document, is ambiguous (MT-4: entries of two kinds,
/// duplicate or case-folding top-level names, a body type of the other class) or breaks a limit
/// (MT-5), with a sentence that says which.
[[nodiscard]] Manifest parse_manifest(std::string_view bytes, std::string_view hint = {});

/// Why a document that calls itself `stated` is not taken for what `hint` refers to: they are types
/// of two classes (MT-4). Nothing where they are not, or one says nothing.
[[nodiscard]] std::optional<std::string> contradiction(std::string_view stated,
                                                       std::string_view hint);

/// The part of a schema 1 manifest that its digest is over (MT-6): the payload of a signed one,
/// `bytes` themselves for anything else. Throws `Errc::corrupt` where the signatures make no sense.
[[nodiscard]] std::string signed_payload(std::string_view bytes);

}  // namespace digestfs::registry
