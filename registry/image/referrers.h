// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string>

#include "base/digest.h"
#include "registry/image/descriptor.h"

// How one document says that it is about another where there is no `subject` to say it.

namespace digestfs::registry {

/// The tag under which a registry without the referrers API keeps an index of what refers to
/// `subject` (distribution-spec, "Referrers Tag Schema"; EP-12).
[[nodiscard]] std::string fallback_tag(const Digest& subject);

/// The tags that cosign gives a signature, attestations and SBOM of `subject` (EP-13).
[[nodiscard]] std::array<std::string, 3> cosign_tags(const Digest& subject);

/// Whether an entry of an index is an attestation of BuildKit's (MT-8).
[[nodiscard]] bool is_attestation(const Descriptor& descriptor);
/// The entry that it is about.
[[nodiscard]] std::optional<Digest> attested(const Descriptor& descriptor);

}  // namespace digestfs::registry
