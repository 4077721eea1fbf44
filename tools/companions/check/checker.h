// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "registry/image/platform.h"
#include "tools/companions/common/progress.h"
#include "tools/companions/mount/image.h"
#include "tools/companions/mount/mount_watch.h"

// Whether images are sound.

namespace digestfs::companions {

enum class Soundness {
  sound,
  unsound,  ///< something is wrong with the image
  failed,   ///< it could not be found out, such as when the registry does not answer
};

[[nodiscard]] std::string_view to_string(Soundness soundness) noexcept;

/// Why an image is not sound, or could not be checked.
struct Finding {
  std::string object;  ///< a digest, or the path of what is meant
  std::string detail;
};

/// What was found out about one image or index.
struct Verdict {
  std::string path;
  Soundness soundness = Soundness::sound;
  std::optional<Digest> digest = {};
  bool is_index = false;
  std::string platform = {};
  std::vector<Finding> findings = {};
  std::size_t attestations = 0;  ///< how many entries of the index are, and are not checked
  std::size_t layers = 0;        ///< how many layers the image has
  std::size_t objects = 0;       ///< how many objects were read, each to its end
  std::uint64_t bytes = 0;       ///< how many bytes these have
  /// Adds what is wrong with the image.
  void add(const std::string& object, const std::string& detail);
  /// Adds what could not be found out. What is known to be wrong counts more.
  void fail(const std::string& object, const std::string& detail);
};

/// What images must have.
struct Requirements {
  std::vector<registry::Platform> platforms = {};  ///< of each IMAGE
  /// `KEY` or `KEY=VALUE`: of the image, or of all images of the index.
  std::vector<std::string> labels = {};
};

/// Says whether the layers are read.
enum class Depth { shallow, layers };

/// Checks images. An object that several images have is read once.
class Checker {
 public:
  Checker(Requirements requirements, Depth depth, Progress& progress);

  /// Checks the image or index at `path`. Returns its verdict, and after it those of the images of
  /// an index. Never throws `Error`.
  [[nodiscard]] std::vector<Verdict> check(const std::string& path);

 private:
  /// The entries of an index that lead to one document.
  using Entries = std::vector<registry::Descriptor>;

  /// A diff that was found to be what its name says.
  struct Diff {
    Digest digest;
    std::uint64_t size = 0;
  };

  /// What was found out about an object.
  struct Read {
    std::optional<std::uint64_t> size = {};  ///< none if the object could not be read
    std::string problem = {};                ///< empty if the bytes hash to the name
    /// Of a blob: for each diff that it was compared with, what is wrong, or an empty text.
    std::map<Digest, std::string> diffs = {};
  };

  /// Where a document is: `shown` is for people, and `place` for reading.
  struct Location {
    std::filesystem::path shown;
    std::filesystem::path place;
  };

  void check_document(const Location& location, const Entries& entries, int depth,
                      std::vector<Verdict>& verdicts);
  void check_index(const ImageDirectory& directory, int depth, Verdict& verdict,
                   std::vector<Verdict>& inner);
  void check_image(const ImageDirectory& directory, const Entries& entries, Verdict& verdict);
  void check_layer(const Image& image, std::size_t number, Verdict& verdict);
  void check_labels(const Image& image, Verdict& verdict) const;
  void check_platforms(const std::vector<Verdict>& verdicts, Verdict& verdict) const;
  const Read* check_object(const std::filesystem::path& path, const Digest& digest,
                           Verdict& verdict, const Diff* diff = nullptr);
  [[nodiscard]] Read read_object(const std::filesystem::path& path, const Digest& digest,
                                 const Diff* diff) const;
  template <class Work>
  void attempt(Verdict& verdict, const std::string& object, const Work& work) const;
  void note(Verdict& verdict, const std::string& object, const Error& error) const;
  static void check_journal(const std::filesystem::path& repository,
                            const std::set<std::string>& objects, Verdict& verdict);

  // Constant after construction.
  Requirements requirements_;
  Depth depth_;
  // Used by one thread.
  Progress& progress_;
  std::optional<MountWatch> mount_ = {};  ///< of the document that is being checked
  /// By the path of the repository and the digest: another mount has another copy.
  std::map<std::string, Read> read_;
};

}  // namespace digestfs::companions
