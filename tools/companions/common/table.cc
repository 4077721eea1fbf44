// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/common/table.h"

#include <algorithm>
#include <ostream>
#include <utility>

namespace digestfs::companions {
namespace {

constexpr std::size_t kGap = 2;

}  // namespace

Table::Table(std::ostream& out, const Terminal& terminal, std::vector<Column> columns)
    : out_(out),
      terminal_(terminal),
      columns_(std::move(columns)),
      is_shown_(columns_.size(), true) {
  for (const Column& column : columns_) {
    widths_.push_back(std::max(column.least, columns_of(column.title)));
  }
}

void Table::add(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    cells[i] = shown(cells[i]);
    widths_[i] = std::max(widths_[i], columns_of(cells[i]));
  }
  rows_.push_back(std::move(cells));
}

void Table::add_with_message(std::vector<std::string> cells) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    cells[i] = shown(cells[i]);
    if (i + 1 < cells.size()) widths_[i] = std::max(widths_[i], columns_of(cells[i]));
  }
  rows_.push_back(std::move(cells));
}

/// Leaves out what the terminal has no room for.
void Table::choose_columns() {
  if (terminal_.width == 0) return;
  const auto wanted = [this] {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (is_shown_[i]) sum += widths_[i] + kGap;
    }
    return sum - std::min(sum, kGap);
  };
  while (wanted() > terminal_.width) {
    std::size_t victim = columns_.size();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!is_shown_[i] || columns_[i].spare == 0) continue;
      if (victim == columns_.size() || columns_[i].spare > columns_[victim].spare) victim = i;
    }
    if (victim == columns_.size()) return;
    is_shown_[victim] = false;
  }
}

void Table::write(const std::vector<std::string>& cells) {
  std::string line;
  bool has_message = false;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const bool is_message = i + 1 == cells.size() && cells.size() < columns_.size();
    if (!is_message && !is_shown_[i]) continue;
    has_message = has_message || is_message;
    line += cells[i];
    const std::size_t taken = columns_of(cells[i]);
    line.append((taken < widths_[i] ? widths_[i] - taken : 0) + kGap, ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  // A message is worth more lines than one.
  const bool is_cut = terminal_.width > 0 && !has_message;
  out_ << (is_cut ? fitting(line, terminal_.width) : line) << '\n';
}

void Table::flush() {
  if (!has_titles_) {
    choose_columns();
    std::vector<std::string> titles;
    for (const Column& column : columns_) titles.push_back(column.title);
    write(titles);
    has_titles_ = true;
  }
  for (const auto& row : rows_) write(row);
  rows_.clear();
  out_.flush();
}

std::vector<std::string> Table::left_out() const {
  std::vector<std::string> titles;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (!is_shown_[i]) titles.push_back(columns_[i].title);
  }
  return titles;
}

}  // namespace digestfs::companions
