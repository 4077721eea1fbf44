// SPDX-License-Identifier: Apache-2.0
#include "registry/image/referrers.h"

#include <algorithm>

#include "base/text.h"

namespace digestfs::registry {
namespace {

constexpr const char* kReferenceType = "vnd.docker.reference.type";
constexpr const char* kReferenceDigest = "vnd.docker.reference.digest";

}  // namespace

std::string fallback_tag(const Digest& subject) {
  std::string tag =
      str_cat(subject.algorithm().substr(0, 32), "-", subject.encoded().substr(0, 64));
  // The name of an algorithm may have characters that a tag may not have.
  std::ranges::replace_if(
      tag, [](char c) { return c == '+' || c == ':' || c == '=' || c == '@'; }, '-');
  return tag;
}

std::array<std::string, 3> cosign_tags(const Digest& subject) {
  const std::string stem = str_cat(subject.algorithm(), "-", subject.encoded());
  return {stem + ".sig", stem + ".att", stem + ".sbom"};
}

bool is_attestation(const Descriptor& descriptor) {
  const auto at = descriptor.annotations.find(kReferenceType);
  return at != descriptor.annotations.end() && at->second == "attestation-manifest";
}

std::optional<Digest> attested(const Descriptor& descriptor) {
  if (!is_attestation(descriptor)) return std::nullopt;
  const auto at = descriptor.annotations.find(kReferenceDigest);
  return at == descriptor.annotations.end() ? std::nullopt : Digest::parse(at->second);
}

}  // namespace digestfs::registry
