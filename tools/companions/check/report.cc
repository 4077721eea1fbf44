// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/check/report.h"

#include <algorithm>
#include <cstddef>
#include <ostream>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "tools/companions/common/json_text.h"
#include "tools/companions/common/words.h"

namespace digestfs::companions {
namespace {

using Json = nlohmann::ordered_json;

// No word of a verdict is longer, so that none is broken.
constexpr std::size_t kNarrowest = 10;

std::pair<std::string_view, Colour> word_of(Soundness soundness) {
  switch (soundness) {
    case Soundness::sound:
      return {"sound", Colour::green};
    case Soundness::unsound:
      return {"NOT SOUND", Colour::red};
    case Soundness::failed:
      break;
  }
  return {"UNKNOWN", Colour::yellow};
}

std::string what_was_checked(const Verdict& verdict) {
  if (!verdict.digest) return {};
  if (verdict.is_index) {
    if (verdict.attestations == 0) return "index";
    return str_cat("index, ", counted(verdict.attestations, "attestation"), " not checked");
  }
  return str_cat(verdict.platform.empty() ? "artifact" : verdict.platform, ", ",
                 counted(verdict.layers, "layer"), ", ", size_text(verdict.bytes), " read");
}

}  // namespace

void write_verdict(std::ostream& out, const Terminal& terminal, const Verdict& verdict) {
  const auto [word, colour] = word_of(verdict.soundness);
  const std::string what = what_was_checked(verdict);
  const std::string line = wrapped(
      str_cat(word, " ", shown(verdict.path), what.empty() ? "" : str_cat(" (", shown(what), ")")),
      terminal.width < kNarrowest ? 0 : terminal.width, 2);
  out << coloured(terminal, colour, word) << line.substr(word.size()) << '\n';
  for (const Finding& finding : verdict.findings) {
    // The path is in the line above.
    const std::string about = finding.object == verdict.path ? "" : finding.object + ": ";
    out << "  "
        << wrapped(shown(about + finding.detail), terminal.width < 4 ? 0 : terminal.width - 2, 4)
        << '\n';
  }
}

std::string verdicts_json(const std::vector<Verdict>& verdicts) {
  Json json;
  json["schema"] = "digestfs-check/1";
  json["sound"] = std::ranges::all_of(
      verdicts, [](const Verdict& verdict) { return verdict.soundness == Soundness::sound; });
  Json& images = json["images"] = Json::array();
  for (const Verdict& verdict : verdicts) {
    Json image;
    image["path"] = verdict.path;
    image["verdict"] = to_string(verdict.soundness);
    image["digest"] = verdict.digest ? Json(verdict.digest->str()) : Json(nullptr);
    image["kind"] = !verdict.digest ? Json(nullptr) : Json(verdict.is_index ? "index" : "image");
    image["platform"] = verdict.platform.empty() ? Json(nullptr) : Json(verdict.platform);
    image["attestationsNotChecked"] = verdict.attestations;
    image["objectsRead"] = verdict.objects;
    image["bytesRead"] = verdict.bytes;
    Json& findings = image["problems"] = Json::array();
    for (const Finding& finding : verdict.findings) {
      findings.push_back({{"object", finding.object}, {"detail", finding.detail}});
    }
    images.push_back(std::move(image));
  }
  return json_text(json);
}

}  // namespace digestfs::companions
