// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

// Media types (reference MT-1): the names, and which class of document each announces.

namespace digestfs::registry {

namespace media_type {
inline constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kOciArtifact = "application/vnd.oci.artifact.manifest.v1+json";
inline constexpr std::string_view kOciConfig = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kDockerList =
    "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kDockerManifest =
    "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kDockerConfig = "application/vnd.docker.container.image.v1+json";
inline constexpr std::string_view kDockerSchema1Signed =
    "application/vnd.docker.distribution.manifest.v1+prettyjws";
inline constexpr std::string_view kDockerSchema1 =
    "application/vnd.docker.distribution.manifest.v1+json";
}  // namespace media_type

/// The class of document that a media type announces.
enum class DocumentClass { index, manifest, schema1, config, other };

/// Returns the class of `media_type`. Parameters (`; charset=…`) and case do not matter (EP-2).
[[nodiscard]] DocumentClass document_class(std::string_view media_type);

/// Returns the type without its parameters, in lower case (EP-2).
[[nodiscard]] std::string bare_media_type(std::string_view content_type);

/// Returns true for the type of a layer of an image's file system, in any compression.
[[nodiscard]] bool is_layer(std::string_view media_type);

/// Returns true if blobs of this type state something about an image or artifact: a signature, an
/// attestation or an SBOM, in a format of cosign, in-toto, SPDX or CycloneDX (EP-13, MT-8).
[[nodiscard]] bool is_statement(std::string_view type);
/// Returns true if a layer of this type is encrypted (DEC-h). Such a layer can be shown only as it
/// is stored.
[[nodiscard]] bool is_encrypted(std::string_view media_type);

}  // namespace digestfs::registry
