// SPDX-License-Identifier: Apache-2.0
#include "tools/source.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "registry/host/catalog.h"
#include "registry/host/client.h"
#include "registry/image/reference.h"
#include "registry/local/containers/storage_conf.h"
#include "registry/local/containers/store_location.h"
#include "registry/local/containers_storage.h"
#include "registry/local/dir_layout.h"
#include "registry/local/docker_archive.h"
#include "registry/local/oci_archive.h"
#include "registry/local/oci_layout.h"
#include "registry/local/registry_storage.h"
#include "tools/exit_code.h"
#include "tools/home.h"
#include "tools/scheme.h"

namespace digestfs::tools {
namespace {

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

OpenedSource alone(std::shared_ptr<registry::Source> source) {
  return {.source = std::move(source), .repositories = {}, .tag = {}, .digest = {}};
}

registry::Reference parse_reference(const std::string& text) {
  try {
    return registry::Reference::parse(text);
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
}

OpenedSource open_registry(const Options& options) {
  const registry::Reference reference = parse_reference(options.source);
  OpenedSource opened =
      alone(std::make_shared<registry::Client>(reference, client_options(options)));
  opened.digest = reference.digest;
  // REF-4: the digest wins.
  if (!opened.digest) opened.tag = reference.tag;
  return opened;
}

/// Splits `FILE:REPOSITORY` at its first colon, as skopeo does: neither FILE nor DIRECTORY can
/// contain one.
std::pair<std::string, std::string> split_at_colon(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos) return {text, {}};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

/// Returns the repository of `REPOSITORY[:TAG][@DIGEST]` as it stands there.
std::string typed_repository(const std::string& text) {
  const std::string named = text.substr(0, text.find('@'));
  const auto colon = named.rfind(':');
  const auto slash = named.rfind('/');
  const bool has_tag = colon != std::string::npos && (slash == std::string::npos || colon > slash);
  return has_tag ? named.substr(0, colon) : named;
}

/// Opens the repository that `text` names in `place`, or all of the place if `text` is empty.
OpenedSource open_place(std::shared_ptr<registry::Repositories> place, const std::string& text,
                        const std::stop_token& stop) {
  if (text.empty()) {
    return {.source = {}, .repositories = std::move(place), .tag = {}, .digest = {}};
  }
  const registry::Reference reference = parse_reference(text);
  const Request request{.stop = stop};
  // A registry's own disk keeps names as they are typed; other places keep them in full.
  const std::string typed = typed_repository(text);
  std::shared_ptr<registry::Source> source;
  if (registry::is_repository_name(typed)) source = place->open(typed, request);
  if (!source) source = place->open(reference.repository(), request);
  if (!source) {
    throw Failure(ExitCode::not_found,
                  str_cat(place->name(), " has no repository ", reference.repository()));
  }
  OpenedSource opened = alone(std::move(source));
  opened.digest = reference.digest;
  if (!opened.digest) opened.tag = reference.tag;
  return opened;
}

/// Throws if `directory` is spelled as skopeo spells a layout, with a tag behind it, and would be
/// taken for a directory of that name.
void refuse_tag(const std::string& prefix, const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const auto colon = directory.rfind(':');
  if (colon == std::string::npos || fs::exists(directory, ignored)) return;
  const std::string before = directory.substr(0, colon);
  if (!fs::is_directory(before, ignored)) return;
  throw UsageError(str_cat("there is no directory ", directory, "; mount ", prefix, before,
                           ", which shows the tag as tags/", directory.substr(colon + 1)));
}

/// Opens the store of podman, or the one that `text` names in brackets.
OpenedSource open_store(const std::string& text, const std::stop_token& stop) {
  registry::StoreSpelling spelling;
  try {
    spelling = registry::StoreSpelling::parse(text);
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
  if (!spelling.location) {
    spelling.location = registry::default_store(
        registry::StoreEnvironment::of_process(home_directory(look_around())));
  }
  return open_place(std::make_shared<registry::ContainersStorage>(*spelling.location),
                    spelling.rest, stop);
}

}  // namespace

bool is_remote(const std::string& source) {
  return recognise(source).scheme.transport == Transport::docker;
}

OpenedSource open_source(const Options& options, const std::stop_token& stop) {
  const auto [scheme, rest] = recognise(options.source);
  switch (scheme.transport) {
    case Transport::docker:
      return open_registry(options);
    case Transport::oci:
      refuse_tag(std::string(scheme.prefix), rest);
      return alone(std::make_shared<registry::OciLayout>(rest));
    case Transport::oci_archive:
      return alone(std::make_shared<registry::OciArchive>(rest, stop));
    case Transport::dir:
      return alone(std::make_shared<registry::DirLayout>(rest));
    case Transport::docker_archive: {
      const auto [file, repository] = split_at_colon(rest);
      return open_place(std::make_shared<registry::DockerArchive>(file, stop), repository, stop);
    }
    case Transport::containers_storage:
      return open_store(rest, stop);
    case Transport::registry_storage: {
      const auto [directory, repository] = split_at_colon(rest);
      return open_place(std::make_shared<registry::RegistryStorage>(directory), repository, stop);
    }
  }
  throw UsageError(str_cat("cannot mount '", options.source, "'"));
}

void refuse_registry(const Options& options) {
  if (!is_remote(options.source)) return;
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
