// SPDX-License-Identifier: Apache-2.0

// digestfs-cache(1): the cache without a mount.

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "base/text.h"
#include "tools/companions/cache/cached_object.h"
#include "tools/companions/cache/commands.h"
#include "tools/companions/common/program.h"
#include "tools/companions/common/progress.h"
#include "tools/exit_code.h"
#include "tools/home.h"
#include "tools/options.h"

namespace digestfs::companions {
namespace {

const Usage program_usage = {
    .program = "digestfs-cache",
    .summary = "Lists, verifies and prunes the cache of digestfs, and finds objects in it.",
    .arguments = "[options] list|verify|prune|path DIGEST",
    .options = {{"cache-dir", "the cache (default: as of digestfs)", "DIR"},
                {"sort", "list: 'use' (default) or 'size'", "ORDER"},
                {"older-than", "prune: what was not used for so long, such as 30d", "TIME"},
                {"keep-size", "prune: until no more than this is left, such as 5G", "SIZE"},
                {"n,dry-run", "verify and prune: only say what would be removed", ""}},
    .examples = {"digestfs-cache list --sort size", "digestfs-cache prune --older-than 30d",
                 "tar -tf \"$(digestfs-cache path sha256:...)\""}};

/// Refuses options that mean nothing for `command`.
void allow_only(const Arguments& arguments, const std::string& command,
                const std::vector<std::string>& allowed) {
  for (const char* option : {"sort", "older-than", "keep-size", "dry-run"}) {
    if (arguments.has(option) && std::ranges::find(allowed, option) == allowed.end()) {
      throw tools::UsageError(str_cat("--", option, " means nothing for ", command));
    }
  }
}

CacheOrder order_of(const Arguments& arguments) {
  const std::string order = arguments.value("sort").value_or("use");
  if (order == "use") return CacheOrder::use;
  if (order == "size") return CacheOrder::size;
  throw tools::UsageError("--sort takes 'use' or 'size'");
}

PruneLimits limits_of(const Arguments& arguments) {
  PruneLimits limits;
  if (const auto time = arguments.value("older-than")) limits.older_than = parse_duration(*time);
  if (const auto size = arguments.value("keep-size")) limits.keep_size = tools::parse_size(*size);
  if (!limits.older_than && !limits.keep_size) {
    throw tools::UsageError("prune needs --older-than or --keep-size");
  }
  return limits;
}

Answer run(const Arguments& arguments) {
  const auto& words = arguments.words();
  const std::string command = words.empty() ? "" : words[0];
  if (command.empty()) throw tools::UsageError("list, verify, prune or path is missing");
  if (words.size() != (command == "path" ? 2U : 1U)) {
    throw tools::UsageError(command == "path" ? "path takes one DIGEST"
                                              : str_cat(command, " takes no more words"));
  }
  const std::string folder = arguments.value("cache-dir").value_or("").empty()
                                 ? tools::default_cache_dir(tools::look_around()).native()
                                 : *arguments.value("cache-dir");
  const CacheOutput output{
      .out = std::cout, .terminal = look_at_output(), .is_json = arguments.has("json")};
  const Effect effect = arguments.has("dry-run") ? Effect::dry_run : Effect::real;
  if (command == "list") {
    allow_only(arguments, command, {"sort"});
    return list_cache(*open_cache(folder), output, order_of(arguments));
  }
  if (command == "verify") {
    allow_only(arguments, command, {"dry-run"});
    Progress progress(arguments.has("quiet") ? ShowProgress::no : ShowProgress::yes);
    return verify_cache(*open_cache(folder), output, effect, progress);
  }
  if (command == "prune") {
    allow_only(arguments, command, {"older-than", "keep-size", "dry-run"});
    const PruneLimits limits = limits_of(arguments);
    return prune_cache(*open_cache(folder), output, limits, effect);
  }
  if (command != "path") throw tools::UsageError(str_cat("there is no command '", command, "'"));
  allow_only(arguments, command, {});
  auto digest = Digest::parse(words[1]);
  if (!digest) digest = Digest::parse_hyphenated(words[1]);
  if (!digest) throw tools::UsageError(str_cat("'", words[1], "' is no digest"));
  const Answer answer = find_in_cache(*open_cache(folder), output, *digest);
  if (answer == Answer::no) {
    complain(program_usage.program, str_cat(*digest, " is not in the cache ", folder));
  }
  return answer;
}

}  // namespace
}  // namespace digestfs::companions

int main(int argc, char** argv) {
  return digestfs::companions::run_program(digestfs::companions::program_usage, argc, argv,
                                           digestfs::companions::run);
}
