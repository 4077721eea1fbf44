// SPDX-License-Identifier: Apache-2.0
#include "tools/live_progress.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <utility>

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"

namespace digestfs::tools {
namespace {

using std::chrono::milliseconds;

// What ends sooner is not worth a line that flickers.
constexpr milliseconds kWorthALine(500);
constexpr milliseconds kRedraw(200);
constexpr std::chrono::seconds kLogEvery(10);
constexpr std::size_t kMostLines = 8;
constexpr std::size_t kBriefDigest = 12;

winsize window() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) size.ws_col = 80;
  if (size.ws_row == 0) size.ws_row = 24;
  return size;
}

/// Returns true if the terminal is ours and takes text: a write to one that was stopped would
/// block.
bool is_ready() {
  pollfd terminal{STDERR_FILENO, POLLOUT, 0};
  return ::tcgetpgrp(STDERR_FILENO) == ::getpgrp() && ::poll(&terminal, 1, 0) == 1 &&
         (terminal.revents & POLLOUT) != 0;
}

void write_text(std::string_view text) {
  [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, text.data(), text.size());
}

std::string brief(const std::string& object) {
  const auto digest = Digest::parse(object);
  return digest ? std::string(digest->encoded().substr(0, kBriefDigest)) : escaped(object);
}

std::string line_of(const cache::Transfer& transfer) {
  const Progress& progress = transfer.progress;
  std::string line = str_cat(transfer.work, " ", brief(transfer.object));
  if (!transfer.has_begun) {
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(transfer.age);
    return str_cat(line, "  waiting for ", duration_text(age));
  }
  line += "  " + size_text(progress.done);
  if (progress.total > 0) {
    line += str_cat(" of ", size_text(progress.total), "  ",
                    static_cast<int>(100.0 * static_cast<double>(progress.done) /
                                     static_cast<double>(progress.total)),
                    "%");
  }
  if (const auto rate = progress.bytes_per_second()) line += str_cat("  ", size_text(rate), "/s");
  const auto left = progress.time_left();
  if (left && progress.total > 0) line += str_cat("  ", duration_text(*left), " left");
  return line;
}

}  // namespace

bool can_show_lines() {
  const char* const kind = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && kind != nullptr && *kind != '\0' &&
         std::string_view(kind) != "dumb";
}

std::vector<std::string> progress_lines(const std::vector<cache::Transfer>& transfers,
                                        std::size_t width, std::size_t most) {
  std::vector<std::string> lines;
  for (const cache::Transfer& transfer : transfers) {
    if (transfer.age >= kWorthALine) lines.push_back(line_of(transfer));
  }
  if (lines.size() > most) {
    const std::size_t kept = most > 0 ? most - 1 : 0;
    const std::size_t left_out = lines.size() - kept;
    lines.resize(kept);
    if (most > 0) lines.push_back(str_cat("and ", left_out, " more"));
  }
  for (std::string& line : lines) {
    if (line.size() > width) line = shortened(line, std::max<std::size_t>(width, 1) - 1);
  }
  return lines;
}

LiveProgress::LiveProgress(const Workers& workers, Where where)
    : workers_(workers),
      where_(where),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

LiveProgress::~LiveProgress() {
  thread_.request_stop();
  thread_.join();
  leave_terminal();
}

void LiveProgress::leave_terminal() {
  const std::lock_guard lock(mutex_);
  if (!shown_.empty() && is_ready()) write_text(erasure());
  shown_.clear();
  where_ = Where::log;
}

void LiveProgress::write_above(const std::string& line) {
  const std::lock_guard lock(mutex_);
  if (!is_ready()) {
    // What was drawn is no longer ours to take away.
    shown_.clear();
    write_text(line + '\n');
    return;
  }
  std::string text = erasure() + line + '\n';
  for (const std::string& shown : shown_) text += shown + '\n';
  write_text(text);
}

void LiveProgress::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    bool is_on_terminal = false;
    {
      std::unique_lock lock(mutex_);
      is_on_terminal = where_ == Where::terminal;
      const auto pause = is_on_terminal ? milliseconds(kRedraw) : milliseconds(kLogEvery);
      wake_.wait_for(lock, stop, pause, [] { return false; });
      is_on_terminal = where_ == Where::terminal;
    }
    if (stop.stop_requested()) return;
    try {
      if (is_on_terminal) {
        draw();
      } else {
        log_long_transfers();
      }
    } catch (const std::exception&) {
      // There is no memory for it now.
    }
  }
}

void LiveProgress::draw() {
  const winsize size = window();
  // The last column stays free: some terminals begin a new line there.
  std::vector<std::string> lines =
      progress_lines(cache::transfers(workers_), std::max<std::size_t>(size.ws_col, 2) - 1,
                     std::min<std::size_t>(kMostLines, std::max<std::size_t>(size.ws_row, 2) - 1));
  const std::lock_guard lock(mutex_);
  if (where_ != Where::terminal || (lines.empty() && shown_.empty())) return;
  if (!is_ready()) return;
  std::string text = erasure();
  for (const std::string& line : lines) text += line + '\n';
  write_text(text);
  shown_ = std::move(lines);
}

/// Returns what takes the lines that are shown away. The caller holds the lock.
std::string LiveProgress::erasure() const {
  return shown_.empty() ? "" : str_cat("\r\x1b[", shown_.size(), "A\x1b[J");
}

void LiveProgress::log_long_transfers() {
  std::set<std::string> now;
  for (const cache::Transfer& transfer : cache::transfers(workers_)) {
    if (!transfer.has_begun) continue;
    const auto [name, added] = now.insert(str_cat(transfer.work, " ", transfer.object));
    if (!added || !known_.contains(*name)) continue;
    const Progress& progress = transfer.progress;
    DIGESTFS_LOG(info, "under way work=", transfer.work, " object=", transfer.object,
                 " done=", progress.done, " of=", progress.total,
                 " per_second=", progress.bytes_per_second(), " waiting=", transfer.waiters);
  }
  known_ = std::move(now);
}

}  // namespace digestfs::tools
