// SPDX-License-Identifier: Apache-2.0
//
// TemporaryDirectory: an empty directory on a real disk that lives as long as the object, for tests
// of the real backends.
//
// Invariants: the path is absolute and unique; everything in it is removed with the object. It is
// made in $TEST_TMPDIR, else $TMPDIR, else /tmp.
// Thread-safety: const after construction.
#pragma once

#include <string>
#include <string_view>

namespace perigee::storage {

class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  /// path()/name.
  std::string PathOf(std::string_view name) const;

 private:
  std::string path_;
};

}  // namespace perigee::storage
