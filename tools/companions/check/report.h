// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "tools/companions/check/checker.h"
#include "tools/companions/common/terminal.h"

// How digestfs-check writes its verdicts.

namespace digestfs::companions {

void write_verdict(std::ostream& out, const Terminal& terminal, const Verdict& verdict);

/// Returns all verdicts as JSON (`digestfs-check/1`).
[[nodiscard]] std::string verdicts_json(const std::vector<Verdict>& verdicts);

}  // namespace digestfs::companions
