// SPDX-License-Identifier: Apache-2.0
//
// LogDocument: an input of the target `log`: a few log files and what the manifest of their
// database would say of the log.
//
// Invariants: Parse takes any bytes; Parse(Encode(d)) is d for a document of at most kFilesMax
// files with distinct numbers from 1 to 255, each of at most kFileBytesMax bytes.
// Thread-safety: a value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "storage/encoding/uuid.h"
#include "tests/fuzz/byte_mutator.h"

namespace perigee::tests {

struct LogDocument {
  static constexpr size_t kFilesMax = 3;
  static constexpr size_t kFileBytesMax = size_t{64} << 10U;

  storage::Uuid database = {};  ///< never nil after Parse
  uint64_t applied_lsn = 0;
  uint64_t manifest_durable_lsn = 0;
  uint64_t published_max_lsn = 0;
  std::map<uint8_t, std::string> files = {};  ///< by number

  static LogDocument Parse(std::string_view input);
  std::string Encode() const;
  /// One change of a file, of the files, or of what the manifest says.
  void Mutate(ByteMutator& mutator);

 private:
  void MutateExpectation(ByteMutator& mutator);
  void MutateFiles(ByteMutator& mutator);
};

}  // namespace perigee::tests
