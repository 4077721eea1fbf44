// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/workers.h"
#include "cache/problems.h"
#include "fs/node.h"
#include "fs/nodes.h"
#include "fs/passthrough_state.h"
#include "fs/repository/quarantine_directory.h"

namespace digestfs::fs {

/// Returns `.digestfs/`: what the daemon knows. A mount has one.
[[nodiscard]] const Directory* state_directory(const Nodes& nodes, const cache::Problems& problems,
                                               const Workers& workers,
                                               const PassthroughState& passthrough,
                                               const FindQuarantined& quarantined);

}  // namespace digestfs::fs
