// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/request.h"
#include "registry/source.h"

namespace digestfs::registry {

/// Returns true if `text` can be the name of a repository in a place of several: the path of a
/// repository, or a host, which has no upper-case letter, and a path (`localhost:5000/a/b`).
[[nodiscard]] bool is_repository_name(std::string_view text);

/// A part of the list of repositories.
struct RepositoryPage {
  std::vector<std::string> names;   ///< Each is a repository name. Unsorted; may repeat.
  std::vector<LeftOut> left_out;    ///< Names that cannot be used; at most 1000.
  std::optional<std::string> next;  ///< Names the next page. Absent on the last page.
  std::string cut;                  ///< Why `next` is absent although this is not the last page.
};

/// A place that holds several repositories, read-only: a store on this machine, an archive of
/// several images, or a registry (design 1, "Many repositories").
///
/// Safe for concurrent use. Calls block, and fail, as those of `Source` do.
class Repositories {
 public:
  Repositories() = default;
  Repositories(const Repositories&) = delete;
  Repositories& operator=(const Repositories&) = delete;
  virtual ~Repositories() = default;

  /// The name of the place in messages: `containers-storage:`, `docker-archive:/path`.
  [[nodiscard]] virtual const std::string& name() const = 0;

  /// Returns the first page of repository names, or the page that an earlier page's `next` names. A
  /// place that keeps no list returns no name, and says so by `cut`.
  /// The name of a repository of a store begins with its host if the store keeps one
  /// (`docker.io/library/alpine`, `localhost/demo`).
  [[nodiscard]] virtual RepositoryPage list(const std::optional<std::string>& page,
                                            const Request& request) = 0;

  /// Returns the repository `name`, or null if there is no such repository. The source outlives
  /// this object if it has to.
  [[nodiscard]] virtual std::shared_ptr<Source> open(const std::string& name,
                                                     const Request& request) = 0;

  /// Returns everything that the place holds as one repository: its `list_tags` gives every image,
  /// named or nameless, as `TagPage::untagged`, and no tag. Returns null if the place has no such
  /// view (a registry).
  [[nodiscard]] virtual std::shared_ptr<Source> everything() = 0;
};

}  // namespace digestfs::registry
