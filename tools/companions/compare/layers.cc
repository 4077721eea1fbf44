// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/compare/layers.h"

#include <algorithm>

namespace digestfs::companions {
namespace {

/// For each pair of ends of both lists, how many layers they can have in a line.
class Lengths {
 public:
  Lengths(const std::vector<Layer>& a, const std::vector<Layer>& b)
      : width_(b.size() + 1), lengths_((a.size() + 1) * width_, 0) {
    for (std::size_t i = a.size(); i-- > 0;) {
      for (std::size_t j = b.size(); j-- > 0;) {
        lengths_[i * width_ + j] =
            is_same_layer(a[i], b[j]) ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
      }
    }
  }
  [[nodiscard]] unsigned at(std::size_t i, std::size_t j) const { return lengths_[i * width_ + j]; }

 private:
  std::size_t width_;
  std::vector<unsigned> lengths_;
};

LayerPair pair_of(const std::vector<Layer>& a, std::size_t i, const std::vector<Layer>& b,
                  std::size_t j) {
  const bool is_same_blob = a[i].blob && a[i].blob == b[j].blob;
  return {i, j, is_same_blob ? LayerRelation::same : LayerRelation::recompressed};
}

}  // namespace

std::string_view to_string(LayerRelation relation) noexcept {
  switch (relation) {
    case LayerRelation::same:
      return "same";
    case LayerRelation::recompressed:
      return "recompressed";
    case LayerRelation::only_a:
      return "only-a";
    case LayerRelation::only_b:
      return "only-b";
  }
  return {};
}

bool is_same_layer(const Layer& a, const Layer& b) {
  if (a.diff && b.diff) return a.diff == b.diff;
  return a.blob && a.blob == b.blob;
}

std::vector<LayerPair> align_layers(const std::vector<Layer>& a, const std::vector<Layer>& b) {
  std::vector<LayerPair> pairs;
  std::size_t i = 0;
  std::size_t j = 0;
  for (; i < a.size() && j < b.size() && is_same_layer(a[i], b[j]); ++i, ++j) {
    pairs.push_back(pair_of(a, i, b, j));
  }
  // No image has thousands of layers; for one that claims to, the base has to do.
  constexpr std::size_t kMost = 2000;
  if (a.size() <= kMost && b.size() <= kMost) {
    const Lengths lengths(a, b);
    while (i < a.size() && j < b.size()) {
      if (is_same_layer(a[i], b[j])) {
        pairs.push_back(pair_of(a, i++, b, j++));
      } else if (lengths.at(i + 1, j) >= lengths.at(i, j + 1)) {
        pairs.push_back({.a = i++, .relation = LayerRelation::only_a});
      } else {
        pairs.push_back({.b = j++, .relation = LayerRelation::only_b});
      }
    }
  }
  while (i < a.size()) pairs.push_back({.a = i++, .relation = LayerRelation::only_a});
  while (j < b.size()) pairs.push_back({.b = j++, .relation = LayerRelation::only_b});
  return pairs;
}

SharedLayers shared_layers(const std::vector<LayerPair>& pairs, const std::vector<Layer>& a) {
  SharedLayers shared;
  bool is_base = true;
  for (const LayerPair& pair : pairs) {
    is_base = is_base && pair.a && pair.b;
    if (!pair.a || !pair.b) continue;
    ++shared.count;
    if (is_base) ++shared.base;
    if (pair.relation == LayerRelation::recompressed) ++shared.recompressed;
    if (pair.relation == LayerRelation::same) shared.bytes += a[*pair.a].size.value_or(0);
  }
  return shared;
}

}  // namespace digestfs::companions
