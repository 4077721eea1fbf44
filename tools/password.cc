// SPDX-License-Identifier: Apache-2.0
#include "tools/password.h"

#include <array>
#include <csignal>
#include <cstddef>
#include <iostream>
#include <optional>

#include <termios.h>
#include <unistd.h>

#include "tools/exit_code.h"

namespace digestfs::tools {
namespace {

volatile std::sig_atomic_t caught_signal = 0;

/// Switches the terminal's echo off while the object exists. A signal that ends the program
/// (Ctrl-C) takes effect only after the terminal has been restored.
class SilentTerminal {
 public:
  explicit SilentTerminal(const termios& before) : before_(before) {
    struct sigaction catching {};
    // Without SA_RESTART, so that the signal interrupts the read of the password.
    catching.sa_handler = [](int signal) { caught_signal = signal; };
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      ::sigaction(kSignals[i], &catching, &handlers_[i]);
    }
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~SilentTerminal() {
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    std::cerr << '\n';
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      ::sigaction(kSignals[i], &handlers_[i], nullptr);
    }
    if (caught_signal != 0) ::raise(caught_signal);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

 private:
  static constexpr std::array<int, 4> kSignals{SIGINT, SIGTERM, SIGHUP, SIGQUIT};

  termios before_;
  std::array<struct sigaction, kSignals.size()> handlers_{};
};

}  // namespace

std::string ask_password(const std::string& user) {
  std::string password;
  bool got = false;
  {
    termios terminal{};
    std::optional<SilentTerminal> silent;
    if (::tcgetattr(STDIN_FILENO, &terminal) == 0) {
      std::cerr << "Password of " << user << ": " << std::flush;
      silent.emplace(terminal);
    }
    got = static_cast<bool>(std::getline(std::cin, password));
  }
  if (!got) throw UsageError("--creds names no password, and none was typed");
  return password;
}

}  // namespace digestfs::tools
