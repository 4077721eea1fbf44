// SPDX-License-Identifier: Apache-2.0

// digestfs-check(1): whether images are sound.

#include <algorithm>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "base/error.h"
#include "tools/companions/check/checker.h"
#include "tools/companions/check/report.h"
#include "tools/companions/common/program.h"
#include "tools/companions/common/progress.h"
#include "tools/exit_code.h"

namespace digestfs::companions {
namespace {

const Usage program_usage = {
    .program = "digestfs-check",
    .summary = "Says whether images are sound. IMAGE is an image directory of a mount.",
    .arguments = "[options] IMAGE...",
    .options = {{"platform", "require an image for this platform; may be repeated",
                 "OS/ARCH[/VARIANT]"},
                {"label", "require a label of every image; may be repeated", "KEY[=VALUE]"},
                {"shallow", "read no layers", ""}},
    .examples = {"digestfs-check ~/mnt/tags/v1",
                 "digestfs-check --platform linux/amd64 --platform linux/arm64 ~/mnt/tags/v1",
                 "digestfs-check --shallow --label version=1.2 "
                 "~/mnt/tags/*"}};

Requirements requirements_of(const Arguments& arguments) {
  Requirements requirements;
  try {
    for (const std::string& platform : arguments.values("platform")) {
      requirements.platforms.push_back(registry::parse_platform(platform));
    }
  } catch (const Error& error) {
    throw tools::UsageError(error.what());
  }
  requirements.labels = arguments.values("label");
  for (const std::string& label : requirements.labels) {
    if (label.empty() || label.front() == '=') {
      throw tools::UsageError("--label takes KEY or KEY=VALUE");
    }
  }
  return requirements;
}

Answer answer_for(Soundness soundness) {
  switch (soundness) {
    case Soundness::sound:
      return Answer::yes;
    case Soundness::unsound:
      return Answer::no;
    case Soundness::failed:
      break;
  }
  return Answer::failed;
}

/// What is known to be wrong counts more than what is not known.
Answer worse_of(Answer a, Answer b) {
  if (a == Answer::no || b == Answer::no) return Answer::no;
  return a == Answer::failed ? a : b;
}

Answer show_verdicts(const Arguments& arguments) {
  if (arguments.words().empty()) throw tools::UsageError("IMAGE is missing");
  const bool is_json = arguments.has("json");
  const Terminal terminal = look_at_output();
  Progress progress(arguments.has("quiet") ? ShowProgress::no : ShowProgress::yes);
  Checker checker(requirements_of(arguments),
                  arguments.has("shallow") ? Depth::shallow : Depth::layers, progress);
  Answer answer = Answer::yes;
  std::vector<Verdict> all;
  for (const std::string& path : arguments.words()) {
    std::vector<Verdict> verdicts = checker.check(path);
    for (const Verdict& verdict : verdicts) {
      answer = worse_of(answer, answer_for(verdict.soundness));
      if (!is_json) write_verdict(std::cout, terminal, verdict);
    }
    std::cout.flush();
    if (is_json) std::ranges::move(verdicts, std::back_inserter(all));
  }
  if (is_json) std::cout << verdicts_json(all) << '\n';
  return answer;
}

}  // namespace
}  // namespace digestfs::companions

int main(int argc, char** argv) {
  return digestfs::companions::run_program(digestfs::companions::program_usage, argc, argv,
                                           digestfs::companions::show_verdicts);
}
