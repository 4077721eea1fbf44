// SPDX-License-Identifier: Apache-2.0

// digestfs-graph(1): what images are made of.

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>
#include <string>

#include "tools/companions/common/program.h"
#include "tools/companions/common/progress.h"
#include "tools/companions/graph/drawing.h"
#include "tools/companions/graph/graph.h"
#include "tools/companions/mount/files.h"
#include "tools/companions/mount/image_directory.h"
#include "tools/exit_code.h"

namespace digestfs::companions {
namespace {

const Usage program_usage = {
    .program = "digestfs-graph",
    .summary = "Shows what images are made of. IMAGE is an image directory of a mount.",
    .arguments = "[options] IMAGE...",
    .options = {{"dot", "print the graph for Graphviz", ""},
                {"svg", "print a drawing; needs Graphviz' program dot", ""},
                {"links-from",
                 "dot and svg: the directory from which the links lead (default: the "
                 "one that the mount is in)",
                 "DIR"}},
    .examples = {"digestfs-graph ~/mnt/tags/v1", "digestfs-graph ~/mnt/tags/v1 ~/mnt/tags/v2",
                 "digestfs-graph --svg ~/mnt/tags/v1 > ~/v1.svg"}};

/// Returns the directory beside the mount, where a drawing can be put.
std::filesystem::path links_from(const Arguments& arguments, const Graph& graph) {
  if (const auto folder = arguments.value("links-from")) {
    return real_path(*folder).value_or(std::filesystem::absolute(*folder).lexically_normal());
  }
  return mount_of(graph.roots().front().repository).parent_path();
}

Answer show_graph(const Arguments& arguments) {
  if (arguments.words().empty()) throw tools::UsageError("IMAGE is missing");
  const auto is_given = [&arguments](const char* option) { return arguments.has(option); };
  if (std::ranges::count_if(std::array{"dot", "svg", "json"}, is_given) > 1) {
    throw tools::UsageError("--dot, --svg and --json exclude each other");
  }
  if (arguments.has("links-from") && !arguments.has("dot") && !arguments.has("svg")) {
    throw tools::UsageError("--links-from is for --dot and --svg");
  }
  Progress progress(arguments.has("quiet") ? ShowProgress::no : ShowProgress::yes);
  Graph graph(progress);
  for (const std::string& path : arguments.words()) graph.add(path);
  progress.clear();
  if (arguments.has("json")) {
    std::cout << graph_json(graph) << '\n';
  } else if (arguments.has("dot")) {
    std::cout << dot_text(graph, links_from(arguments, graph));
  } else if (arguments.has("svg")) {
    write_svg(dot_text(graph, links_from(arguments, graph)));
  } else {
    write_tree(std::cout, look_at_output(), graph);
  }
  return graph.has_errors() ? Answer::no : Answer::yes;
}

}  // namespace
}  // namespace digestfs::companions

int main(int argc, char** argv) {
  return digestfs::companions::run_program(digestfs::companions::program_usage, argc, argv,
                                           digestfs::companions::show_graph);
}
