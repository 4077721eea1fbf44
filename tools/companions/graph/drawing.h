// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>

#include "tools/companions/common/terminal.h"
#include "tools/companions/graph/graph.h"

// Graphs as text, in the language of Graphviz, as SVG and as JSON.

namespace digestfs::companions {

/// Writes a tree for each image. An object that was written before is only named.
void write_tree(std::ostream& out, const Terminal& terminal, const Graph& graph);

/// Returns the graph in the language DOT. Each box has the whole digest as its tooltip, and links
/// to its file as seen from the directory `from`.
[[nodiscard]] std::string dot_text(const Graph& graph, const std::filesystem::path& from);

/// Writes what Graphviz' program `dot` makes of `dot`, as SVG, to standard output. Throws `Error`
/// if the program is not installed or fails.
void write_svg(const std::string& dot);

/// Returns the graph as JSON (`digestfs-graph/1`).
[[nodiscard]] std::string graph_json(const Graph& graph);

/// Returns `path` as a relative URL, as seen from the directory `from`. Both are absolute.
[[nodiscard]] std::string relative_url(const std::filesystem::path& path,
                                       const std::filesystem::path& from);

}  // namespace digestfs::companions
