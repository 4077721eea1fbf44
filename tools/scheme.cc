// SPDX-License-Identifier: Apache-2.0
#include "tools/scheme.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/text.h"
#include "registry/image/reference.h"
#include "tools/exit_code.h"

namespace digestfs::tools {
namespace {

constexpr std::array<Scheme, 7> kSchemes = {{
    {Transport::docker, "docker://", "[docker://]HOST/REPOSITORY[:TAG|@DIGEST]",
     "a repository of a registry"},
    {Transport::oci, "oci:", "oci:DIRECTORY", "an OCI image layout"},
    {Transport::oci_archive, "oci-archive:", "oci-archive:FILE", "an OCI image layout in a tar"},
    {Transport::dir, "dir:", "dir:DIRECTORY", "what skopeo copies to dir:"},
    {Transport::docker_archive, "docker-archive:", "docker-archive:FILE[:REPOSITORY[:TAG]]",
     "written by docker save, podman save"},
    {Transport::containers_storage, "containers-storage:", "containers-storage:[REPOSITORY[:TAG]]",
     "the store of podman, buildah, CRI-O"},
    {Transport::registry_storage, "registry-storage:",
     "registry-storage:DIRECTORY[:REPOSITORY[:TAG]]", "a docker-registry's own disk"},
}};

/// Transports of skopeo that are not known here. Docker Hub may have repositories of these names.
constexpr std::array<std::string_view, 5> kForeign = {
    "atomic:", "docker-daemon:", "ostree:", "sif:", "tarball:"};

/// Returns the transport with which `source` seems to begin, with its colon, or nothing: a text
/// before a colon that cannot be a repository before a tag, nor a host before a port.
std::string_view foreign_transport(std::string_view source) {
  for (const std::string_view prefix : kForeign) {
    if (source.starts_with(prefix)) return prefix;
  }
  if (const auto scheme = source.find("://"); scheme != std::string_view::npos) {
    return source.find('/') > scheme ? source.substr(0, scheme + 3) : std::string_view();
  }
  const auto colon = source.find_first_of(":/.@[");
  if (colon == std::string_view::npos || source[colon] != ':') return {};
  const std::string_view rest = source.substr(colon + 1);
  const std::string_view port = rest.substr(0, rest.find('/'));
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool is_port = !port.empty() && std::ranges::all_of(port, is_digit);
  const bool is_tag = registry::is_tag(rest.substr(0, rest.find('@')));
  return is_port || is_tag ? std::string_view() : source.substr(0, colon + 1);
}

std::string known_prefixes() {
  std::string all;
  for (const Scheme& scheme : kSchemes) {
    all += str_cat(all.empty() ? "" : ", ", scheme.prefix);
  }
  return all;
}

}  // namespace

std::span<const Scheme> schemes() noexcept { return kSchemes; }

Recognised recognise(const std::string& source) {
  for (const Scheme& scheme : kSchemes) {
    if (!source.starts_with(scheme.prefix)) continue;
    return {scheme, source.substr(scheme.prefix.size())};
  }
  if (const std::string_view foreign = foreign_transport(source); !foreign.empty()) {
    throw UsageError(
        str_cat("no such transport '", foreign, "'; these are known: ", known_prefixes()));
  }
  return {kSchemes.front(), source};
}

std::string scheme_help() {
  // So that no line is longer than 80 columns.
  constexpr std::size_t kColumn = 43;
  std::string text;
  for (const Scheme& scheme : kSchemes) {
    std::string line = str_cat("  ", scheme.spelling);
    line.resize(std::max(kColumn, line.size() + 1), ' ');
    text += str_cat(line, scheme.description, "\n");
  }
  return text;
}

}  // namespace digestfs::tools
