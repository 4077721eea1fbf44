// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/digest.h"
#include "registry/repositories.h"
#include "registry/source.h"
#include "tools/options.h"

// What the argument SOURCE of digestfs(1) stands for.

namespace digestfs::tools {

/// What SOURCE names: one repository, or a place of many.
struct OpenedSource {
  std::shared_ptr<registry::Source> source;              ///< null for a place of many
  std::shared_ptr<registry::Repositories> repositories;  ///< null for one repository
  std::optional<std::string> tag;  ///< the only tag to show; never together with `digest`
  std::optional<Digest> digest;    ///< the only digest to show

  /// The name in messages.
  [[nodiscard]] const std::string& name() const {
    return source ? source->name() : repositories->name();
  }
};

/// Returns true if SOURCE is a registry's, so that the network has to be asked for it. Throws
/// `UsageError` as `recognise` does.
[[nodiscard]] bool is_remote(const std::string& source);

/// Opens what `options.source` names. Throws `UsageError` if it names nothing that can be opened,
/// `Failure` if a place has no repository of that name, and `Error` if it cannot be opened,
/// `interrupted` on `stop`: an archive is read when it is opened.
[[nodiscard]] OpenedSource open_source(const Options& options, const std::stop_token& stop = {});

/// Throws `Failure` if `options.source` names a whole registry, with the list of its repositories
/// as far as the registry tells.
void refuse_registry(const Options& options);

}  // namespace digestfs::tools
