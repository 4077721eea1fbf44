// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/digest.h"
#include "base/flight.h"
#include "fs/tree/rootfs_builder.h"
#include "registry/image/platform.h"

namespace digestfs::fs {

/// Which part of a repository a mount shows, and how.
struct Selection {
  /// `SOURCE:TAG`: this is the only tag.
  std::optional<std::string> tag = {};
  /// `SOURCE@DIGEST`: there are no tags, and `images/` lists this image from the start.
  std::optional<Digest> digest = {};
  /// The source is on this machine: it names all its images itself, and `images/` lists them.
  bool is_local = false;
  /// What `host` points to.
  registry::Platform platform = {};
  /// Listings show `rootfs/`, `tree/` and `oci/`. Otherwise these work on lookup only, so that a
  /// walk downloads no layer.
  bool list_trees = true;
  /// What becomes of absolute links in a rootfs.
  AbsoluteLinks absolute_links = AbsoluteLinks::keep;
  /// `--tag-ttl`.
  Clock::duration tag_ttl{};
};

}  // namespace digestfs::fs
