// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/common/program.h"

#include <csignal>
#include <exception>
#include <iostream>
#include <span>

#include "base/text.h"
#include "tools/companions/common/terminal.h"
#include "tools/exit_code.h"

namespace digestfs::companions {
namespace {

Answer run(const Usage& usage, const std::vector<std::string>& words,
           const std::function<Answer(const Arguments&)>& answer) {
  const Arguments arguments = read_arguments(usage, words);
  if (arguments.has("help")) {
    std::cout << help_text(usage);
    return Answer::yes;
  }
  if (arguments.has("version")) {
    std::cout << usage.program << " " << DIGESTFS_VERSION << "\n";
    return Answer::yes;
  }
  return answer(arguments);
}

}  // namespace

void complain(const std::string& program, const std::string& message) {
  std::cerr << program << ": " << shown(on_one_line(message)) << '\n';
}

int run_program(const Usage& usage, int argc, char** argv,
                const std::function<Answer(const Arguments&)>& answer) noexcept {
  // A reader that has seen enough, such as head(1), ends the program, whatever it inherited.
  static_cast<void>(std::signal(SIGPIPE, SIG_DFL));
  Answer result = Answer::failed;
  try {
    const std::span<char*> words(argv, static_cast<std::size_t>(argc));
    result = run(usage, {words.begin() + 1, words.end()}, answer);
    if (!std::cout.flush()) {
      complain(usage.program, "cannot write to standard output");
      result = Answer::failed;
    }
  } catch (const tools::UsageError& error) {
    complain(usage.program, error.what());
    std::cerr << "Try '" << usage.program << " --help'.\n";
  } catch (const std::exception& error) {
    std::cout.flush();
    complain(usage.program, error.what());
  }
  return static_cast<int>(result);
}

}  // namespace digestfs::companions
