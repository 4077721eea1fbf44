// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/compare/report.h"

#include <ostream>
#include <string_view>

#include "base/text.h"
#include "registry/image/media_type.h"
#include "tools/companions/common/table.h"
#include "tools/companions/common/words.h"

namespace digestfs::companions {
namespace {

namespace media_type = registry::media_type;

/// The names that people use for the media types of documents.
std::string type_text(const std::string& type) {
  if (type == media_type::kOciIndex) return "OCI index";
  if (type == media_type::kOciManifest) return "OCI manifest";
  if (type == media_type::kDockerList) return "Docker manifest list";
  if (type == media_type::kDockerManifest) return "Docker manifest";
  if (type == media_type::kDockerSchema1 || type == media_type::kDockerSchema1Signed) {
    return "Docker schema 1";
  }
  return type.empty() ? "?" : type;
}

/// Returns the common type of all layers, or `several`.
std::string layer_type(const Image& image) {
  std::string type;
  for (const Layer& layer : image.layers) {
    if (!type.empty() && type != layer.media_type) return "several types";
    type = layer.media_type;
  }
  constexpr std::string_view kTree = "application/vnd.";
  return type.starts_with(kTree) ? type.substr(kTree.size()) : type;
}

class Writer {
 public:
  Writer(std::ostream& out, const Terminal& terminal)
      : out_(out),
        terminal_(terminal),
        digests_(terminal.is_terminal ? Digests::brief : Digests::whole) {}

  void title(std::string_view text) {
    out_ << '\n' << coloured(terminal_, Colour::bold, text) << '\n';
  }

  void subjects(const Subject& a, const Subject& b) {
    out_ << "\nA = " << shown(a.directory().path.native())
         << "\nB = " << shown(b.directory().path.native()) << "\n\n";
    Table table(out_, {}, {{"", 0, 0}, {"A", 0, 0}, {"B", 0, 0}});
    const auto add = [&](const char* name, const std::string& of_a, const std::string& of_b) {
      if (!of_a.empty() || !of_b.empty()) table.add({name, of_a, of_b});
    };
    add("document", type_text(a.media_type()), type_text(b.media_type()));
    add("digest", digest_text(a.directory().digest, digests_),
        digest_text(b.directory().digest, digests_));
    if (a.image || b.image) {
      const auto id = [&](const Subject& subject) {
        return digest_text(subject.image ? subject.image->id() : std::nullopt, digests_);
      };
      const auto platform = [](const Subject& subject) {
        return subject.image ? subject.image->platform() : std::string("-");
      };
      const auto size = [](const Subject& subject) {
        return subject.image ? size_text(subject.image->stored_size()) : std::string("-");
      };
      add("image ID", id(a), id(b));
      add("platform", platform(a), platform(b));
      add("layers", size(a), size(b));
    }
    table.flush();
  }

  void layers(const Image& a, const Image& b, const std::vector<LayerPair>& pairs) {
    if (pairs.empty()) return;
    title("Layers");
    Table table(
        out_, {},
        {{" A", 0, 0}, {"", 0, 0}, {"", 0, 0}, {"", 0, 0}, {"B", 0, 0}, {"", 0, 0}, {"", 0, 0}});
    bool has_recompressed = false;
    for (const LayerPair& pair : pairs) {
      const auto cells = [this](const Image& image, const std::optional<std::size_t>& i) {
        if (!i) return std::vector<std::string>{"", "", ""};
        const Layer& layer = image.layers[*i];
        return std::vector<std::string>{layer.name, digest_text(layer.blob, digests_),
                                        size_text(layer.size)};
      };
      const auto of_a = cells(a, pair.a);
      const auto of_b = cells(b, pair.b);
      has_recompressed = has_recompressed || pair.relation == LayerRelation::recompressed;
      table.add({" " + of_a[0], of_a[1], of_a[2], sign(pair.relation), of_b[0], of_b[1], of_b[2]});
    }
    table.flush();
    if (has_recompressed) note("~ the same layer in another blob");
    if (layer_type(a) != layer_type(b)) {
      note(str_cat("A has ", shown(layer_type(a)), ", B ", shown(layer_type(b))));
    }
  }

  void fields(const std::vector<FieldChange>& changes) {
    if (changes.empty()) return;
    title("Config and annotations");
    for (const FieldChange& change : changes) {
      if (change.a && change.b) {
        line(str_cat("~ ", change.field));
        line(str_cat("    A ", *change.a));
        line(str_cat("    B ", *change.b));
      } else {
        line(str_cat(change.a ? "< " : "> ", change.field, "  ", change.a ? *change.a : *change.b));
      }
    }
  }

  void platforms(const std::vector<PlatformPair>& pairs) {
    if (pairs.empty()) return;
    title("Platforms");
    for (const PlatformPair& pair : pairs) {
      const std::string_view sign = !pair.a            ? "> "
                                    : !pair.b          ? "< "
                                    : pair.a == pair.b ? "= "
                                                       : "~ ";
      const std::string text = pair.error.empty() ? pair.sentence : "error: " + pair.error;
      out_ << wrapped(str_cat(" ", sign, shown(pair.name), ": ", shown(text)), terminal_.width, 5)
           << '\n';
    }
  }

  void referrers(const ReferrersComparison& referrers) {
    if (!referrers.error.empty()) {
      title("Referrers");
      note(shown(referrers.error));
      return;
    }
    if (referrers.both.empty() && referrers.only_a.empty() && referrers.only_b.empty()) return;
    title("Referrers");
    for (const std::string& name : referrers.both) line("= " + name);
    for (const std::string& name : referrers.only_a) line("< " + name);
    for (const std::string& name : referrers.only_b) line("> " + name);
  }

  void legend() {
    out_ << '\n'
         << coloured(terminal_, Colour::dim, "= the same   ~ differs   < only A   > only B")
         << '\n';
  }

 private:
  static std::string sign(LayerRelation relation) {
    switch (relation) {
      case LayerRelation::same:
        return "=";
      case LayerRelation::recompressed:
        return "~";
      case LayerRelation::only_a:
        return "<";
      case LayerRelation::only_b:
        return ">";
    }
    return {};
  }

  /// Writes a line, which a terminal cuts.
  void line(const std::string& text) {
    const std::string whole = str_cat(" ", shown(text));
    out_ << (terminal_.width == 0 ? whole : fitting(whole, terminal_.width)) << '\n';
  }

  void note(const std::string& text) {
    out_ << ' ' << wrapped(text, terminal_.width == 0 ? 0 : terminal_.width - 1, 1) << '\n';
  }

  // Constant after construction.
  std::ostream& out_;
  Terminal terminal_;
  Digests digests_;
};

}  // namespace

void write_comparison(std::ostream& out, const Terminal& terminal, const Subject& a,
                      const Subject& b, const Comparison& comparison) {
  const bool is_same = comparison.relation == Relation::same_document;
  out << coloured(terminal, Colour::bold, wrapped(shown(comparison.sentence), terminal.width, 0))
      << '\n';
  Writer writer(out, terminal);
  writer.subjects(a, b);
  if (!is_same) {
    if (a.image && b.image) writer.layers(*a.image, *b.image, comparison.layers);
    writer.fields(comparison.fields);
    writer.platforms(comparison.platforms);
  }
  writer.referrers(comparison.referrers);
  if (!is_same) writer.legend();
}

void write_file_change(std::ostream& out, const FileChange& change) {
  const auto layer = [](const std::string& name) { return name.empty() ? "?" : name; };
  const std::string path = shown(change.path) + (change.is_directory ? "/" : "");
  switch (change.kind) {
    case FileChangeKind::removed:
      out << " < " << path << "  (layer " << layer(change.layer_a) << " of A";
      if (!change.removed_by.empty()) out << ", removed by layer " << change.removed_by << " of B";
      out << ")\n";
      return;
    case FileChangeKind::added:
      out << " > " << path << "  (layer " << layer(change.layer_b) << " of B)\n";
      return;
    case FileChangeKind::changed:
      break;
  }
  std::string what;
  for (const std::string& part : change.what) what += (what.empty() ? "" : ", ") + shown(part);
  out << " ~ " << path << "  " << what << "  (layer " << layer(change.layer_a) << " of A, "
      << layer(change.layer_b) << " of B)\n";
}

}  // namespace digestfs::companions
