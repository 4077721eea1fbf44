// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/digest.h"
#include "registry/host/client.h"
#include "registry/source.h"
#include "tools/options.h"

// What the argument SOURCE of digestfs(1) stands for.

namespace digestfs::tools {

/// The source that SOURCE names, and what of it the mount shows.
struct OpenedSource {
  std::unique_ptr<registry::Source> source;
  std::optional<std::string> tag;  ///< the only tag to show; never together with `digest`
  std::optional<Digest> digest;    ///< the only digest to show
};

/// Returns true if SOURCE is a registry's, so that the network has to be asked for it.
[[nodiscard]] bool is_remote(const std::string& source);

/// Throws `UsageError` if `source` begins with a transport that cannot be mounted yet. Otherwise it
/// would be taken for a name on Docker Hub, and sent there.
void refuse_transport(const std::string& source);

/// Opens what `options.source` names. Throws `UsageError` if it names nothing that can be opened,
/// and `Error` if it cannot be opened.
[[nodiscard]] OpenedSource open_source(const Options& options);

/// Throws `Failure` if `options.source` names a whole registry, with the list of its repositories
/// as far as the registry tells.
void refuse_registry(const Options& options);

}  // namespace digestfs::tools
