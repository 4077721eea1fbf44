// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "archive/tar_reader.h"
#include "registry/local/left_out_list.h"

namespace digestfs::registry {

/// Where the files of a saved archive are in its tar, by name. A name is cleaned first (`./a//b` is
/// `a/b`). If several members have one name, the first counts, as for skopeo.
///
/// An archive may be hostile. A member that leads out of the archive (`../a`, `/a`), or whose name
/// has more than 4096 bytes is left out with the reason. Links lead from
/// member to member and never to a file of this machine. Throws `Errc::too_large` for more than
/// 500,000 members, or for names of more than 64 MiB together.
class TarIndex final : public archive::TarSink {
 public:
  /// The content of a file.
  struct Member {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    bool sparse = false;  ///< It is stored without its holes. It is there, and cannot be read.
  };
  /// What a name leads to.
  struct Found {
    std::optional<Member> member;
    std::string reason;  ///< Why there is no member, in a sentence about the name.
  };

  TarIndex();

  void take(archive::TarEntry entry) override;

  /// Returns what `name` leads to, through at most eight links. The target of a symlink starts at
  /// the link's folder, the target of a hard link at the top of the archive.
  [[nodiscard]] Found look_up(std::string_view name) const;
  /// Returns the same without the reason.
  [[nodiscard]] std::optional<Member> find(std::string_view name) const {
    return look_up(name).member;
  }

  [[nodiscard]] const std::vector<LeftOut>& left_out() const noexcept {
    return left_out_.records();
  }

 private:
  struct Entry {
    Member member;
    std::optional<std::string> target;  ///< the name that a link leads to, from the top
    std::string reason;                 ///< why a link leads nowhere
  };

  std::unordered_map<std::string, Entry> entries_;
  std::size_t count_ = 0;
  std::size_t text_bytes_ = 0;
  LeftOutList left_out_;
};

/// Returns `name` without empty components, `.` and `..`. Returns nothing if it is absolute, is
/// empty, or leads out of where it starts.
[[nodiscard]] std::optional<std::string> clean_member_name(std::string_view name);

}  // namespace digestfs::registry
