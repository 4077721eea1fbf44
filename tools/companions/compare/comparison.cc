// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/compare/comparison.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "tools/companions/mount/files.h"

namespace digestfs::companions {
namespace {

ReferrersComparison compare_referrers(const ImageDirectory& a, const ImageDirectory& b) {
  ReferrersComparison result;
  try {
    using Names = std::vector<std::string>;
    const Names of_a = names_in(a.place / "referrers").value_or(Names());
    const Names of_b = names_in(b.place / "referrers").value_or(Names());
    std::ranges::set_intersection(of_a, of_b, std::back_inserter(result.both));
    std::ranges::set_difference(of_a, of_b, std::back_inserter(result.only_a));
    std::ranges::set_difference(of_b, of_a, std::back_inserter(result.only_b));
  } catch (const Error& error) {
    result.error = error.what();
  }
  return result;
}

}  // namespace

Subject::Subject(const ImageDirectory& directory) {
  if (directory.is_index) {
    index = read_index(directory);
  } else {
    image = read_image(directory);
  }
}

const ImageDirectory& Subject::directory() const {
  return image ? image->directory : index->directory;
}

const registry::Manifest& Subject::manifest() const {
  return image ? image->manifest : index->manifest;
}

std::string Subject::media_type() const {
  const std::string& stated = manifest().media_type;
  if (!stated.empty()) return stated;
  return attribute(directory().place, "user.oci.mediaType").value_or("");
}

Comparison compare(const Subject& a, const Subject& b, Progress& progress) {
  Comparison result;
  if (a.image && b.image) {
    ImageComparison images = compare_images(*a.image, *b.image);
    result.relation = images.relation;
    result.sentence = std::move(images.sentence);
    result.layers = std::move(images.layers);
    result.fields = std::move(images.fields);
  } else if (a.index && b.index) {
    IndexComparison indexes = compare_indexes(*a.index, *b.index, progress);
    result.relation = indexes.relation;
    result.sentence = std::move(indexes.sentence);
    result.platforms = std::move(indexes.platforms);
    result.fields = std::move(indexes.fields);
  } else {
    MemberComparison member = a.index ? compare_member(*a.index, "A", *b.image, "B")
                                      : compare_member(*b.index, "B", *a.image, "A");
    result.relation = member.relation;
    result.sentence = std::move(member.sentence);
  }
  progress.show("what refers to A and B");
  result.referrers = compare_referrers(a.directory(), b.directory());
  return result;
}

}  // namespace digestfs::companions
