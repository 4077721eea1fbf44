// SPDX-License-Identifier: Apache-2.0
#include "tools/source.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "base/text.h"
#include "registry/host/catalog.h"
#include "registry/image/reference.h"
#include "registry/local/oci_layout.h"
#include "tools/exit_code.h"
#include "tools/home.h"

namespace digestfs::tools {
namespace {

constexpr std::string_view kLayout = "oci:";

/// Transports of skopeo, and `registry-storage:`, that cannot be mounted. Docker Hub may have
/// repositories of these names, which can be mounted as `docker://docker.io/library/dir`.
constexpr std::array<std::string_view, 9> kUnsupported = {
    "containers-storage:", "dir:", "docker-archive:", "docker-daemon:", "oci-archive:", "ostree:",
    "registry-storage:",   "sif:", "tarball:"};

registry::ClientOptions client_options(const Options& options) {
  const auto environment = [home = home_directory(look_around())](const char* name) {
    if (std::string_view(name) == "HOME") return home;
    const char* const value = std::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
  };
  return {.stall = options.timeout,
          .user_agent = "digestfs/" DIGESTFS_VERSION,
          .credentials = {.given = options.credentials,
                          .file = options.auth_file,
                          .environment = environment},
          .certificates = options.certificates,
          .verify_tls = options.verify_tls};
}

/// Describes what `catalog` says of `registry`, with at most a screenful of repositories.
std::string to_string(const registry::Catalog& catalog, const registry::Reference& registry) {
  constexpr std::size_t kShown = 50;
  if (catalog.refusal) return str_cat(", and it does not say which it has: ", *catalog.refusal);
  if (catalog.repositories.empty()) return ", and it has none";
  std::string text = ":";
  for (std::size_t i = 0; i < std::min(kShown, catalog.repositories.size()); ++i) {
    text += str_cat("\n  ", registry.domain, "/", catalog.repositories[i]);
  }
  if (catalog.repositories.size() > kShown || !catalog.is_complete) text += "\n  and others";
  return text;
}

}  // namespace

bool is_remote(const std::string& source) { return !source.starts_with(kLayout); }

void refuse_transport(const std::string& source) {
  for (const std::string_view transport : kUnsupported) {
    if (!source.starts_with(transport)) continue;
    throw UsageError(str_cat(transport, " is not supported yet; SOURCE is ",
                             "[docker://]HOST/REPOSITORY or oci:DIRECTORY, not '", source, "'"));
  }
}

OpenedSource open_source(const Options& options) {
  if (options.source.starts_with(kLayout)) {
    const std::string directory = options.source.substr(kLayout.size());
    return {std::make_unique<registry::OciLayout>(directory), {}, {}};
  }
  refuse_transport(options.source);
  std::optional<registry::Reference> reference;
  try {
    reference = registry::Reference::parse(options.source);
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
  OpenedSource opened{nullptr, reference->tag, reference->digest};
  // REF-4: the digest wins.
  if (opened.digest) opened.tag.reset();
  opened.source = std::make_unique<registry::Client>(*reference, client_options(options));
  return opened;
}

void refuse_registry(const Options& options) {
  const auto registry = registry::Reference::parse_registry(options.source);
  if (!registry) return;
  std::string message =
      str_cat(options.source, " is a registry; SOURCE must name one of its repositories");
  if (options.network == cache::Network::allowed) {
    try {
      const auto catalog = registry::list_repositories(*registry, client_options(options), {});
      message += to_string(catalog, *registry);
    } catch (const Error& error) {
      message += str_cat(", and it cannot be asked which it has: ", error.what());
    }
  }
  throw Failure(ExitCode::usage, message);
}

}  // namespace digestfs::tools
