// SPDX-License-Identifier: Apache-2.0
#include "fs/image/referrers_directory.h"

#include <algorithm>
#include <cstddef>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/side_by_side.h"
#include "base/text.h"
#include "fs/static_directory.h"
#include "registry/image/media_type.h"
#include "registry/image/reference.h"
#include "registry/image/referrers.h"

namespace digestfs::fs {
namespace {

using registry::Descriptor;

// How many of a list that anybody may add to are looked at: each costs a document.
constexpr std::size_t kMaxListed = 1000;

/// What a document is, from what only says something to what only is something. Statements lead on
/// to nothing of a higher rank, so that no links lead in a circle.
enum class Rank {
  statement,  ///< nothing but signatures, attestations, SBOMs
  artifact,   ///< no file system in its layers
  image,
};

Rank rank_of(const Document& document) {
  if (document.is_index || !document.manifest) return Rank::image;
  const auto& layers = document.manifest->layers;
  const auto is_file_system = [](const auto& layer) {
    return layer && registry::is_layer(layer->media_type);
  };
  const auto is_statement = [](const auto& layer) {
    return layer && registry::is_statement(layer->media_type);
  };
  if (std::ranges::any_of(layers, is_file_system)) return Rank::image;
  return !layers.empty() && std::ranges::all_of(layers, is_statement) ? Rank::statement
                                                                      : Rank::artifact;
}

}  // namespace

Attributes ReferrersDirectory::attributes() const {
  return {.type = FileType::directory,
          .modified = from_nanoseconds(context_.referrers.version(subject_)),
          .valid = Clock::duration::zero()};
}

Clock::duration ReferrersDirectory::absence_valid() const {
  return std::min(kBriefMemory, context_.selection.tag_ttl);
}

/// What `tag` names. Most images are not signed: where the list of tags says so nobody is asked.
std::optional<cache::Tag> ReferrersDirectory::resolve(const std::string& tag, Look& look) const {
  if (context_.tags.is_unlisted(tag)) return std::nullopt;
  try {
    return context_.tags.resolve(tag, look.patience);
  } catch (const Error& error) {
    // Artifactory denies what does not exist (EP-13).
    if (error.code() != Errc::denied) throw;
    look.was_denied = true;
    DIGESTFS_LOG(debug, "taken not to exist, for it is denied tag=", tag, " cause=", error.what());
    return std::nullopt;
  }
}

/// What the source, or the index under the fallback tag, says has our image as its subject.
std::vector<Descriptor> ReferrersDirectory::by_subject(Look& look) const {
  if (auto referrers = context_.referrers.list(subject_, look.patience)) {
    return std::move(*referrers);
  }
  const auto tag = resolve(registry::fallback_tag(subject_), look);
  if (!tag) return {};
  const Descriptor& fallback = tag->descriptor;
  try {
    const auto document =
        context_.images.document(fallback.digest, fallback.media_type, look.patience);
    // Anybody may have pushed something else under that name (L7).
    if (document->is_index && document->manifest) return document->manifest->manifests;
  } catch (const Error& error) {
    // What is there and cannot be had may list any number.
    if (error.code() != Errc::not_found && error.code() != Errc::unsupported) throw;
    context_.problems.report(
        {.kind = cache::ProblemKind::bad_document,
         .object = fallback.digest.str(),
         .detail = str_cat("said to list what refers to ", subject_, ": ", error.what())});
  }
  return {};
}

std::vector<ReferrersDirectory::Candidate> ReferrersDirectory::candidates(Look& look) const {
  std::vector<Candidate> candidates;
  SideBySide side_by_side;
  side_by_side.run([&] {
    std::unordered_set<Digest> named;
    for (Descriptor& descriptor : by_subject(look)) {
      const bool is_new = named.insert(descriptor.digest).second;
      if (is_new && named.size() <= kMaxListed) {
        candidates.push_back({std::move(descriptor), Relation::subject});
      }
    }
    if (named.size() > kMaxListed) {
      context_.problems.report(
          {.kind = cache::ProblemKind::limit,
           .object = subject_.str(),
           .detail = str_cat(named.size(), " are listed as referring to it; only ", kMaxListed,
                             " are looked at")});
    }
  });
  for (const Descriptor& attestation : context_.images.attestations(subject_)) {
    candidates.push_back({attestation, Relation::said});
  }
  for (const std::string& name : registry::cosign_tags(subject_)) {
    if (!registry::is_tag(name)) continue;  // of a SHA-512 it is too long for one (REF-1)
    side_by_side.run([&] {
      if (const auto tag = resolve(name, look)) {
        candidates.push_back({tag->descriptor, Relation::said});
      }
    });
  }
  side_by_side.wait();
  return candidates;
}

/// Whether a candidate is what it was said to be.
bool ReferrersDirectory::refers(const Candidate& candidate, const Document& subject,
                                Look& look) const {
  const Digest& digest = candidate.descriptor.digest;
  const auto report = [&](std::string_view why) {
    context_.problems.report({.kind = cache::ProblemKind::bad_document,
                              .object = digest.str(),
                              .detail = str_cat("said to refer to ", subject_, ": ", why)});
    return false;
  };
  std::shared_ptr<const Document> document;
  try {
    document = context_.images.document(digest, candidate.descriptor.media_type, look.patience);
  } catch (const Error& error) {
    // Anybody who may push can name what cannot be had.
    if (!is_answer(error.code())) throw;
    look.was_denied |= error.code() == Errc::denied;
    return report(error.code() == Errc::not_found ? "the source does not have it" : error.what());
  }
  if (!document->manifest) return report("it cannot be read");
  if (candidate.relation == Relation::said) return rank_of(*document) < rank_of(subject);
  const auto& named = document->manifest->subject;
  if (!named || named->digest != subject_) return report("its subject is another");
  return rank_of(*document) <= rank_of(subject);
}

Listing ReferrersDirectory::list(const Patience& patience) const {
  try {
    auto listing = ask(patience);
    *last_.lock() = listing;
    return listing;
  } catch (const Error& error) {
    // What was found stays readable while the source does not answer (promise 7).
    Listing last = *last_.lock();
    if (!is_silence(error.code()) || !last) throw;
    return last;
  }
}

Listing ReferrersDirectory::ask(const Patience& patience) const {
  const auto subject = context_.images.document(subject_, {}, patience);
  Look look{.patience = patience};
  std::vector<Entry> entries;
  std::unordered_set<Digest> seen;
  SideBySide side_by_side;
  for (const Candidate& candidate : candidates(look)) {
    side_by_side.run([&] {
      const Digest& digest = candidate.descriptor.digest;
      if (!refers(candidate, *subject, look) || !seen.insert(digest).second) return;
      entries.push_back(
          {digest.str(),
           context_.nodes.symlink(str_cat(path_, "/", digest), str_cat("../../../images/", digest)),
           context_.selection.tag_ttl});
    });
  }
  side_by_side.wait();
  // Whom everything is denied by now is not to take that for absence (DEC-6).
  if (look.was_denied) context_.referrers.check_access(subject_, patience);
  return make_listing(std::move(entries));
}

std::optional<Entry> ReferrersDirectory::lookup(std::string_view name,
                                                const Patience& patience) const {
  if (auto entry = find_entry(list(patience), name)) return entry;
  const auto digest = Digest::parse_hyphenated(name);
  if (!digest || !find_entry(list(patience), digest->str())) return std::nullopt;
  return context_.digests.hyphenated_link(path_, name, *digest);
}

}  // namespace digestfs::fs
