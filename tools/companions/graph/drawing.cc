// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/graph/drawing.h"

#include <array>
#include <cstdio>
#include <ostream>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "tools/companions/common/json_text.h"
#include "tools/companions/common/words.h"

namespace digestfs::companions {
namespace {

using Json = nlohmann::ordered_json;

/// Returns what a line of the tree says of an edge: its label, and the kind unless the label says
/// it.
std::string name_of(const GraphNode& node, const std::string& label) {
  if (label.empty()) return node.kind;
  if (label == node.kind || label.starts_with(node.kind + " ")) return label;
  return str_cat(label, ": ", node.kind);
}

/// Writes nodes below each other.
class Tree {
 public:
  Tree(std::ostream& out, const Terminal& terminal, const Graph& graph)
      : out_(out),
        terminal_(terminal),
        nodes_(graph.nodes()),
        is_written_(nodes_.size(), false),
        digests_(terminal.is_terminal ? Digests::brief : Digests::whole) {}

  void write(std::size_t i, const std::string& label, const std::string& before,
             const std::string& below) {
    const GraphNode& node = nodes_[i];
    std::string text = str_cat(before, shown(name_of(node, label)), "  ",
                               digest_text(node.digest, digests_), "  ", size_text(node.size));
    const bool was_written = is_written_[i];
    is_written_[i] = true;
    if (was_written) text += "  (above)";
    out_ << (terminal_.width == 0 ? text : fitting(text, terminal_.width)) << '\n';
    if (was_written) return;
    if (!node.error.empty()) {
      const std::size_t taken = columns_of(below);
      const std::size_t width = terminal_.width > taken + 20 ? terminal_.width - taken : 0;
      out_ << below << "error: " << wrapped(shown(node.error), width, 0) << '\n';
    }
    for (std::size_t child = 0; child < node.edges.size(); ++child) {
      const bool is_last = child + 1 == node.edges.size();
      write(node.edges[child].to, node.edges[child].label, below + (is_last ? "└─ " : "├─ "),
            below + (is_last ? "   " : "│  "));
    }
  }

 private:
  // Constant after construction.
  std::ostream& out_;
  Terminal terminal_;
  const std::vector<GraphNode>& nodes_;
  // Used by one thread.
  std::vector<bool> is_written_;
  Digests digests_;
};

/// Returns `text` as a string of DOT.
std::string dot_string(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

std::string_view colour_of(const std::string& kind) {
  if (kind == "index") return "#d7e3f4";
  if (kind == "manifest" || kind == "artifact") return "#e3f0d8";
  if (kind == "config") return "#fdf1cf";
  if (kind == "layer" || kind == "blob") return "#f4ddd7";
  return "#eeeeee";
}

}  // namespace

void write_tree(std::ostream& out, const Terminal& terminal, const Graph& graph) {
  Tree tree(out, terminal, graph);
  for (const Graph::Root& root : graph.roots()) {
    out << coloured(terminal, Colour::bold, shown(root.path)) << '\n';
    tree.write(root.node, "", "└─ ", "   ");
  }
}

std::string relative_url(const std::filesystem::path& path, const std::filesystem::path& from) {
  const std::string text = path.lexically_relative(from).generic_string();
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/:@";
  std::string url;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      url += c;
      continue;
    }
    std::array<char, 4> code{};
    std::snprintf(code.data(), code.size(), "%%%02X", static_cast<unsigned char>(c));
    url += code.data();
  }
  // What stands before a colon in the first part would be a scheme (RFC 3986, 4.2).
  const std::size_t colon = url.find(':');
  return colon != std::string::npos && colon < url.find('/') ? "./" + url : url;
}

std::string dot_text(const Graph& graph, const std::filesystem::path& from) {
  std::string text =
      "digraph digestfs {\n"
      "  rankdir=LR;\n"
      "  node [shape=box, style=filled, fontname=\"sans-serif\", fontsize=10];\n"
      "  edge [fontname=\"sans-serif\", fontsize=9];\n";
  const auto& nodes = graph.nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const GraphNode& node = nodes[i];
    const std::string label = dot_string(str_cat(
        node.kind, "\n", digest_text(node.digest, Digests::brief), "\n", size_text(node.size)));
    text += str_cat("  n", i, " [label=", label, ", fillcolor=\"", colour_of(node.kind),
                    "\", tooltip=", dot_string(node.digest ? node.digest->str() : ""),
                    ", URL=", dot_string(relative_url(node.file, from)), "];\n");
  }
  for (std::size_t i = 0; i < graph.roots().size(); ++i) {
    const Graph::Root& root = graph.roots()[i];
    text += str_cat("  r", i, " [label=", dot_string(shown(root.path)),
                    ", shape=plaintext, style=\"\"];\n  r", i, " -> n", root.node, ";\n");
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const GraphNode::Edge& edge : nodes[i].edges) {
      text +=
          str_cat("  n", i, " -> n", edge.to, " [label=", dot_string(shown(edge.label)), "];\n");
    }
  }
  return text + "}\n";
}

std::string graph_json(const Graph& graph) {
  Json json;
  json["schema"] = "digestfs-graph/1";
  Json& images = json["images"] = Json::array();
  for (const Graph::Root& root : graph.roots()) {
    images.push_back({{"path", root.path}, {"node", root.node}});
  }
  Json& nodes = json["nodes"] = Json::array();
  Json edges = Json::array();
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const GraphNode& node = graph.nodes()[i];
    Json line;
    line["kind"] = node.kind;
    line["digest"] = node.digest ? Json(node.digest->str()) : Json(nullptr);
    line["size"] = node.size ? Json(*node.size) : Json(nullptr);
    line["file"] = node.file.native();
    line["error"] = node.error.empty() ? Json(nullptr) : Json(node.error);
    nodes.push_back(std::move(line));
    for (const GraphNode::Edge& edge : node.edges) {
      edges.push_back({{"from", i}, {"to", edge.to}, {"label", edge.label}});
    }
  }
  json["edges"] = std::move(edges);
  return json_text(json);
}

}  // namespace digestfs::companions
