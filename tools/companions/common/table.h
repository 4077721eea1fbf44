// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

#include "tools/companions/common/terminal.h"

namespace digestfs::companions {

/// A column of a table.
struct Column {
  std::string title;
  /// A column that may be left out where the terminal is too narrow; the highest goes first. 0: it
  /// always stays.
  unsigned spare = 0;
  std::size_t least = 0;  ///< the columns of the terminal that it takes at least
};

/// Rows under titles. Rows are kept until `flush`, so that the columns are as wide as their texts;
/// a later row may make a column wider. Not safe for concurrent use.
class Table {
 public:
  /// A `terminal.width` of 0 shows all columns.
  Table(std::ostream& out, const Terminal& terminal, std::vector<Column> columns);

  /// Adds a row with a text for each column.
  void add(std::vector<std::string> cells);
  /// Adds a row of which the last text takes the place of all columns after the others.
  void add_with_message(std::vector<std::string> cells);
  /// Writes the titles, if they are not yet written, and the rows that were added.
  void flush();
  /// Returns how many rows `flush` will write.
  [[nodiscard]] std::size_t waiting() const noexcept { return rows_.size(); }
  /// Returns the titles of the columns that were left out.
  [[nodiscard]] std::vector<std::string> left_out() const;

 private:
  void choose_columns();
  void write(const std::vector<std::string>& cells);

  // Constant after construction.
  std::ostream& out_;
  Terminal terminal_;
  std::vector<Column> columns_;
  // Guarded by nothing.
  std::vector<std::size_t> widths_;
  std::vector<bool> is_shown_;
  std::vector<std::vector<std::string>> rows_;
  bool has_titles_ = false;
};

}  // namespace digestfs::companions
