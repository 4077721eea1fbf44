// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/common/command_line.h"

#include <algorithm>
#include <exception>
#include <ranges>

#include <cxxopts.hpp>

#include "base/text.h"
#include "tools/exit_code.h"
#include "tools/switch.h"

namespace digestfs::companions {
namespace {

/// Returns the program's own options, and those that every companion has.
std::vector<Option> all_options(const Usage& usage) {
  std::vector<Option> options = usage.options;
  options.push_back({"json", "print JSON (docs/companions.md has its schema)", ""});
  options.push_back({"q,quiet", "show no progress", ""});
  options.push_back({"h,help", "print this help", ""});
  options.push_back({"V,version", "print the version", ""});
  return options;
}

cxxopts::Options definition(const Usage& usage) {
  cxxopts::Options options(usage.program, usage.summary);
  options.custom_help(usage.arguments);
  options.positional_help("");
  auto add = options.add_options();
  for (const Option& option : all_options(usage)) {
    if (option.value.empty()) {
      add(option.names, option.help);
    } else {
      add(option.names, option.help, cxxopts::value<std::string>(), option.value);
    }
  }
  return options;
}

/// Returns true if the option with the long name `name` has no value but yes and no.
bool is_switch(const Usage& usage, const std::string& name) {
  return std::ranges::any_of(all_options(usage), [&](const Option& option) {
    return option.value.empty() && option.names.substr(option.names.find(',') + 1) == name;
  });
}

}  // namespace

bool Arguments::has(const std::string& option) const { return value(option).has_value(); }

std::optional<std::string> Arguments::value(const std::string& option) const {
  std::optional<std::string> last;
  for (const auto& [name, text] : settings_) {
    if (name == option) last = text;
  }
  return last;
}

std::vector<std::string> Arguments::values(const std::string& option) const {
  std::vector<std::string> all;
  for (const auto& [name, text] : settings_) {
    if (name == option) all.push_back(text);
  }
  return all;
}

std::uint64_t Arguments::number(const std::string& option, std::uint64_t least, std::uint64_t most,
                                std::uint64_t otherwise) const {
  const auto text = value(option);
  if (!text) return otherwise;
  const auto number = parse_decimal(*text);
  if (!number || *number < least || *number > most) {
    throw tools::UsageError(str_cat("--", option, " takes a whole number from ", least, " to ",
                                    most, ", not '", *text, "'"));
  }
  return *number;
}

Arguments read_arguments(const Usage& usage, const std::vector<std::string>& arguments) {
  std::vector<const char*> words = {usage.program.c_str()};
  for (const std::string& argument : arguments) words.push_back(argument.c_str());
  try {
    cxxopts::Options defined = definition(usage);
    const auto parsed = defined.parse(static_cast<int>(words.size()), words.data());
    Arguments::Settings settings;
    // Not by `as`, which would cut lists of values at commas.
    for (const auto& setting : parsed.arguments()) {
      const std::string& name = setting.key();
      if (is_switch(usage, name)) {
        // The last one counts.
        std::erase_if(settings, [&](const auto& earlier) { return earlier.first == name; });
        if (!tools::parse_switch(name, setting.value())) continue;
      }
      settings.emplace_back(name, setting.value());
    }
    return {std::move(settings), parsed.unmatched()};
  } catch (const std::exception& error) {
    throw tools::UsageError(error.what());
  }
}

std::string help_text(const Usage& usage) {
  std::string text = definition(usage).help({""});
  text += "\nExamples:\n";
  for (const std::string& example : usage.examples) text += str_cat("  ", example, "\n");
  return text;
}

}  // namespace digestfs::companions
