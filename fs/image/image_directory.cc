// SPDX-License-Identifier: Apache-2.0
#include "fs/image/image_directory.h"

#include "fs/static_directory.h"

namespace digestfs::fs {

std::optional<Entry> ImageDirectory::lookup(std::string_view name, const Patience& patience) const {
  return view_.lookup(name, patience);
}

Listing ImageDirectory::list(const Patience& patience) const {
  return make_listing(view_.list(patience));
}

}  // namespace digestfs::fs
