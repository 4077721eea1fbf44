// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/images/rows.h"

#include <exception>
#include <string_view>
#include <utility>

#include <fnmatch.h>

#include "base/error.h"
#include "base/text.h"
#include "tools/companions/mount/files.h"
#include "tools/companions/mount/image.h"

namespace digestfs::companions {
namespace {

bool matches(const std::string& pattern, const std::string& name) {
  return pattern.empty() || ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

/// Returns true if `digest` begins with `text`, with or without its algorithm.
bool begins_with(const std::optional<Digest>& digest, std::string_view text) {
  return digest && (digest->str().starts_with(text) || digest->encoded().starts_with(text));
}

/// Fills in what the documents of an image say.
void describe(const Image& image, ImageRow& row) {
  row.digest = image.directory.digest;
  row.id = image.id();
  row.stored = image.stored_size();
  row.unpacked = image.unpacked_size();
  if (image.config) {
    row.platform = image.platform();
    row.created = image.config->created;
  }
}

/// Calls `fill`, and makes what it throws the error of `row`.
template <class Fill>
void attempt(ImageRow& row, const Fill& fill) {
  try {
    fill();
  } catch (const std::exception& error) {
    row.error = error.what();
  }
}

std::vector<ImageRow> rows_of_index(const ImageDirectory& directory, const ImageRow& common) {
  std::vector<ImageRow> rows;
  const Index index = read_index(directory);
  for (const std::string& name : index.platforms) {
    ImageRow row = common;
    row.index = directory.digest;
    row.digest = linked_digest(directory.path / "platforms", name);
    // What the entry is called, unless the config says more.
    row.platform = name;
    attempt(row, [&] {
      const auto path = directory.path / "platforms" / name;
      const auto target = link_target(path);
      if (target && std::filesystem::path(*target).parent_path().filename() == "blobs") return;
      const ImageDirectory entry = find_image(path);
      if (entry.is_index) return;
      describe(read_image(entry), row);
    });
    rows.push_back(std::move(row));
  }
  if (rows.empty()) {
    ImageRow row = common;
    row.digest = row.index = directory.digest;
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

bool ImageFilter::takes_tag(const std::string& name) const { return matches(tag, name); }

bool ImageFilter::takes_repository(const std::string& name) const {
  return matches(repository, name);
}

bool ImageFilter::takes(const ImageRow& row) const {
  if (!row.error.empty()) return true;
  if (!digest.empty() && !begins_with(row.digest, digest) && !begins_with(row.index, digest) &&
      !begins_with(row.id, digest)) {
    return false;
  }
  if (!platform) return true;
  try {
    const auto offered = registry::normalised(registry::parse_platform(row.platform));
    const auto wanted = registry::normalised(*platform);
    return offered.os == wanted.os && offered.architecture == wanted.architecture &&
           (wanted.variant.empty() || offered.variant == wanted.variant);
  } catch (const Error&) {
    return false;  // An artifact has no platform.
  }
}

std::vector<ImageRow> rows_of(const ImagePlace& place) noexcept {
  ImageRow row;
  row.repository = place.repository;
  row.tag = place.tag;
  std::vector<ImageRow> rows;
  attempt(row, [&] {
    const ImageDirectory directory = find_image(place.path);
    row.digest = directory.digest;
    if (directory.is_index) {
      rows = rows_of_index(directory, row);
    } else {
      describe(read_image(directory), row);
    }
  });
  if (rows.empty()) rows.push_back(std::move(row));
  return rows;
}

}  // namespace digestfs::companions
