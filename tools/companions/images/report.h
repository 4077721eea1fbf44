// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <memory>

#include "tools/companions/common/terminal.h"
#include "tools/companions/common/words.h"
#include "tools/companions/images/rows.h"

namespace digestfs::companions {

/// How digestfs-images writes its rows.
enum class ImageFormat { table, json };
/// Says whether a row is written as soon as it is known.
enum class RowsAtOnce { yes, no };

/// Writes rows as they are passed in, and keeps no more than a thousand of them.
class ImageReport {
 public:
  ImageReport() = default;
  ImageReport(const ImageReport&) = delete;
  ImageReport& operator=(const ImageReport&) = delete;
  virtual ~ImageReport() = default;

  virtual void add(const ImageRow& row) = 0;
  /// Writes what is still kept. To be called once, at the end.
  virtual void finish() = 0;
};

/// The longest texts that are known before any row is.
struct KnownWidths {
  std::size_t repository = 0;
};

[[nodiscard]] std::unique_ptr<ImageReport> make_report(std::ostream& out, const Terminal& terminal,
                                                       ImageFormat format, RowsAtOnce at_once,
                                                       Digests digests, KnownWidths widths);

}  // namespace digestfs::companions
