// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// The command lines of the companions.

namespace digestfs::companions {

/// An option of a companion.
struct Option {
  std::string names = {};  ///< `s,long` or `long`
  std::string help = {};   ///< what the option does, in a few words
  std::string value = {};  ///< the name of its value in the help, or empty for a switch
};

/// What a companion is called with.
struct Usage {
  std::string program = {};    ///< `digestfs-images`
  std::string summary = {};    ///< what the program does, in one sentence
  std::string arguments = {};  ///< `[options] MOUNT...`
  /// The program's own options. Every companion has `--json`, `--quiet`, `--help` and `--version`.
  std::vector<Option> options = {};
  std::vector<std::string> examples = {};  ///< three command lines that show what it is for
};

/// A command line that was read.
class Arguments {
 public:
  using Settings = std::vector<std::pair<std::string, std::string>>;

  Arguments(Settings settings, std::vector<std::string> words)
      : settings_(std::move(settings)), words_(std::move(words)) {}

  /// Returns true if the option with the long name `option` was given. `--switch=false` is the same
  /// as no switch.
  [[nodiscard]] bool has(const std::string& option) const;
  /// Returns the last value of `option`, or nothing if it was not given.
  [[nodiscard]] std::optional<std::string> value(const std::string& option) const;
  /// Returns all values of `option` in their order.
  [[nodiscard]] std::vector<std::string> values(const std::string& option) const;
  /// Returns the value as a number from `least` to `most`, or `otherwise` if it was not given.
  /// Throws `UsageError`.
  [[nodiscard]] std::uint64_t number(const std::string& option, std::uint64_t least,
                                     std::uint64_t most, std::uint64_t otherwise) const;
  /// Returns what is no option.
  [[nodiscard]] const std::vector<std::string>& words() const noexcept { return words_; }

 private:
  // Constant after construction.
  Settings settings_;
  std::vector<std::string> words_ = {};
};

/// Reads the arguments, which do not include the program's name. Throws `UsageError`.
[[nodiscard]] Arguments read_arguments(const Usage& usage,
                                       const std::vector<std::string>& arguments);

/// Returns the text that `--help` prints.
[[nodiscard]] std::string help_text(const Usage& usage);

}  // namespace digestfs::companions
