// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/images/report.h"

#include <chrono>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/rfc3339.h"
#include "tools/companions/common/json_text.h"
#include "tools/companions/common/table.h"

namespace digestfs::companions {
namespace {

using Json = nlohmann::ordered_json;

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

class TableReport final : public ImageReport {
 public:
  TableReport(std::ostream& out, const Terminal& terminal, RowsAtOnce at_once, Digests digests,
              KnownWidths widths)
      : out_(out),
        terminal_(terminal),
        at_once_(at_once),
        digests_(digests),
        table_(out, digests == Digests::whole ? Terminal{} : terminal, columns(digests, widths)) {}

  void add(const ImageRow& row) override {
    const std::string tag = row.tag.empty() ? "<none>" : row.tag;
    if (!row.error.empty()) {
      table_.add_with_message({row.repository, tag, or_dash(row.platform), "error: " + row.error});
    } else {
      table_.add({row.repository, tag, or_dash(row.platform), digest_text(row.digest, digests_),
                  digest_text(row.id, digests_), created(row), size_text(row.stored),
                  size_text(row.unpacked)});
    }
    constexpr std::size_t kMost = 1000;
    if (at_once_ == RowsAtOnce::yes || table_.waiting() == kMost) table_.flush();
  }

  void finish() override {
    table_.flush();
    const auto left_out = table_.left_out();
    if (left_out.empty()) return;
    std::string titles;
    for (const std::string& title : left_out) titles += (titles.empty() ? "" : ", ") + title;
    out_ << coloured(
                terminal_, Colour::dim,
                wrapped("No room for " + titles + "; --no-trunc shows all.", terminal_.width, 0))
         << '\n';
  }

 private:
  static std::vector<Column> columns(Digests digests, KnownWidths widths) {
    const bool is_whole = digests == Digests::whole;
    constexpr std::size_t kDigest = 71;
    constexpr std::size_t kBrief = 12;
    const std::size_t digest = is_whole ? kDigest : kBrief;
    // What answers the question "which image is this" stays longest.
    return {{"REPOSITORY", 5, widths.repository},
            {"TAG", 0, 0},
            {"PLATFORM", 1, 11},
            {"DIGEST", 2, digest},
            {"IMAGE ID", 3, digest},
            {"CREATED", 6, is_whole ? std::size_t{20} : std::size_t{12}},
            {"COMPRESSED", 4, 0},
            {"UNCOMPRESSED", 7, 0}};
  }

  /// For a person how long ago, for a program when.
  [[nodiscard]] std::string created(const ImageRow& row) const {
    if (!terminal_.is_terminal) return or_dash(row.created);
    const auto time = parse_rfc3339(row.created);
    if (!time) return or_dash(row.created);
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return age_text(std::chrono::duration_cast<std::chrono::seconds>(now) -
                    std::chrono::seconds(time->seconds));
  }

  // Constant after construction.
  std::ostream& out_;
  Terminal terminal_;
  RowsAtOnce at_once_;
  Digests digests_;
  // Guarded by nothing.
  Table table_;
};

Json json_of(const std::optional<Digest>& digest) {
  return digest ? Json(digest->str()) : Json(nullptr);
}

Json json_of(const std::optional<std::uint64_t>& number) {
  return number ? Json(*number) : Json(nullptr);
}

Json json_of(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

class JsonReport final : public ImageReport {
 public:
  JsonReport(std::ostream& out, RowsAtOnce at_once) : out_(out), at_once_(at_once) {}

  void add(const ImageRow& row) override {
    Json json;
    json["repository"] = row.repository;
    json["tag"] = json_of(row.tag);
    json["platform"] = json_of(row.platform);
    json["digest"] = json_of(row.digest);
    json["index"] = json_of(row.index);
    json["id"] = json_of(row.id);
    json["created"] = json_of(row.created);
    json["compressed"] = json_of(row.stored);
    json["uncompressed"] = json_of(row.unpacked);
    json["error"] = json_of(row.error);
    const std::string text = json_text(json, JsonLayout::one_line);
    if (at_once_ == RowsAtOnce::yes) {
      out_ << text << std::endl;
    } else {
      out_ << (is_empty_ ? kBegin : ",\n") << text;
    }
    is_empty_ = false;
  }

  void finish() override {
    if (at_once_ == RowsAtOnce::yes) return;
    out_ << (is_empty_ ? kBegin : "") << "\n]}\n";
  }

 private:
  static constexpr const char* kBegin = "{\"schema\":\"digestfs-images/1\",\"images\":[\n";

  // Constant after construction.
  std::ostream& out_;
  RowsAtOnce at_once_;
  // Guarded by nothing.
  bool is_empty_ = true;
};

}  // namespace

std::unique_ptr<ImageReport> make_report(std::ostream& out, const Terminal& terminal,
                                         ImageFormat format, RowsAtOnce at_once, Digests digests,
                                         KnownWidths widths) {
  if (format == ImageFormat::json) return std::make_unique<JsonReport>(out, at_once);
  return std::make_unique<TableReport>(out, terminal, at_once, digests, widths);
}

}  // namespace digestfs::companions
