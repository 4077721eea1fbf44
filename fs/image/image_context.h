// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/content.h"
#include "cache/problems.h"
#include "cache/referrers.h"
#include "cache/tags.h"
#include "fs/image/layer_trees.h"
#include "fs/image/selection.h"
#include "fs/nodes.h"
#include "fs/object/digest_file.h"
#include "fs/object/image_reader.h"
#include "fs/object/seen_objects.h"
#include "fs/tree/built_trees.h"

namespace digestfs::fs {

/// What image directories are made with. There is one for a whole repository (`Repository` owns
/// all of it), and it outlives all nodes.
struct ImageContext {
  const Nodes& nodes;
  SeenObjects& seen;
  ImageReader& images;
  const DigestNodes& digests;
  BuiltTrees& trees;
  LayerTrees& layer_trees;
  cache::Content& content;
  cache::Tags& tags;
  cache::Referrers& referrers;
  cache::Problems& problems;
  const Selection& selection;
};

}  // namespace digestfs::fs
