// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string>

#include "base/digest.h"
#include "registry/image/descriptor.h"

// How a document says that it is about another document without the field `subject`.

namespace digestfs::registry {

/// Returns the tag under which a registry without the referrers API keeps an index of everything
/// that refers to `subject` (distribution-spec, "Referrers Tag Schema"; EP-12).
[[nodiscard]] std::string fallback_tag(const Digest& subject);

/// Returns the tags that cosign gives to the signature, the attestations and the SBOM of `subject`
/// (EP-13).
[[nodiscard]] std::array<std::string, 3> cosign_tags(const Digest& subject);

/// Returns true if an entry of an index is an attestation of BuildKit's (MT-8).
[[nodiscard]] bool is_attestation(const Descriptor& descriptor);
/// Returns the digest of the entry that the attestation `descriptor` is about.
[[nodiscard]] std::optional<Digest> attested(const Descriptor& descriptor);

}  // namespace digestfs::registry
