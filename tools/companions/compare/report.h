// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "tools/companions/common/terminal.h"
#include "tools/companions/compare/comparison.h"

// How digestfs-compare writes what it found.

namespace digestfs::companions {

/// Writes everything but the files.
void write_comparison(std::ostream& out, const Terminal& terminal, const Subject& a,
                      const Subject& b, const Comparison& comparison);

/// Writes a path that differs, as a line.
void write_file_change(std::ostream& out, const FileChange& change);

/// Returns all of it as JSON (`digestfs-compare/1`). `files` is null if they were not compared.
[[nodiscard]] std::string comparison_json(const Subject& a, const Subject& b,
                                          const Comparison& comparison,
                                          const std::vector<FileChange>* files);

}  // namespace digestfs::companions
