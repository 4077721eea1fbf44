// SPDX-License-Identifier: Apache-2.0
#include "cache/unpack/layers.h"

namespace digestfs::cache {

bool Layers::meet(const Digest& diff, const Digest& layer) {
  const auto known = known_.lock();
  Layer& met = known->by_layer[layer];
  if (!met.diffs.insert(diff).second) return false;
  if (!met.first_diff) met.first_diff = diff;
  known->by_diff[diff].push_back(layer);
  return true;
}

void Layers::set_actual(const Digest& layer, const ActualDiff& actual) {
  meet(actual.digest, layer);
  known_.lock()->by_layer[layer].actual = actual;
}

void Layers::set_undecodable(const Digest& layer, const Error& why) {
  known_.lock()->by_layer[layer].undecodable = why;
}

std::vector<Digest> Layers::of(const Digest& diff) const {
  const auto known = known_.lock();
  const auto at = known->by_diff.find(diff);
  return at == known->by_diff.end() ? std::vector<Digest>() : at->second;
}

std::optional<Digest> Layers::first_of(const Digest& diff) const {
  const auto known = known_.lock();
  const auto at = known->by_diff.find(diff);
  return at == known->by_diff.end() ? std::nullopt : std::optional(at->second.front());
}

std::optional<Digest> Layers::diff_of(const Digest& layer) const {
  const auto known = known_.lock();
  const auto at = known->by_layer.find(layer);
  if (at == known->by_layer.end()) return std::nullopt;
  return at->second.actual ? at->second.actual->digest : at->second.first_diff;
}

std::optional<ActualDiff> Layers::other_than(const Digest& diff, const Digest& layer) const {
  const auto known = known_.lock();
  const auto at = known->by_layer.find(layer);
  if (at == known->by_layer.end() || !at->second.actual) return std::nullopt;
  const Digest& actual = at->second.actual->digest;
  const bool is_other = actual != diff && actual.algorithm() == diff.algorithm();
  return is_other ? at->second.actual : std::nullopt;
}

std::optional<Error> Layers::undecodable(const Digest& layer) const {
  const auto known = known_.lock();
  const auto at = known->by_layer.find(layer);
  return at == known->by_layer.end() ? std::nullopt : at->second.undecodable;
}

}  // namespace digestfs::cache
