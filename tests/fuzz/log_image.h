// SPDX-License-Identifier: Apache-2.0
//
// LogImage: the bytes of one log file, taken apart loosely into header block, extents and stray
// blocks, so that a mutation can reach a field and the checksums above it can be made right again.
//
// Invariants: Parse and Bytes work on any bytes, and Bytes gives back what Parse took as long as
// nothing was changed in between. What does not look like a group is a part of one block.
// Thread-safety: an object is used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/byte_mutator.h"

namespace perigee::tests {

/// What the group behind a place must continue.
struct LogContinuation {
  uint64_t slot = 0;
  uint64_t lsn = 1;
  uint32_t previous_crc = 0;
  uint32_t chain = 0;
};

class LogImage {
 public:
  /// What of an extent is made right again.
  enum class Seal {
    kHeader,   ///< the header's checksum
    kGroup,    ///< the body's, the header's, and the trailer's copy of what it says of the group
    kRecords,  ///< the same and the records' checksums and LSNs
  };

  static LogImage Parse(std::string_view bytes);
  std::string Bytes() const;

  /// One change, some of them sealed afterwards and some not. `other` lends its extents.
  void Mutate(const LogImage& other, ByteMutator& mutator);
  /// Makes every group continue the one before and seals it, from the header on.
  void Relink();
  /// Makes the file start behind the first `groups` parts of `before`, as its successor.
  void Succeed(const LogImage& before, size_t groups);
  /// A group of `records` records (0: a mark, or the clean close) with its trailer, not linked.
  static std::string RandomExtent(size_t records, ByteMutator& mutator);
  void SealHeader();
  /// Leaves a few of the zeros behind the parts, and says so in the header.
  void Shrink();

  size_t part_count() const { return parts_.size(); }
  uint64_t number() const;
  void set_number(uint64_t number);
  /// What follows the first `groups` parts, if all of them are groups.
  LogContinuation After(size_t groups) const;

 private:
  void MutateHeader(ByteMutator& mutator);
  void MutateGroup(std::string& part, ByteMutator& mutator);
  void MutateRecord(std::string& part, ByteMutator& mutator);
  void MutateTrailer(std::string& part, ByteMutator& mutator);
  void MutateOrder(const LogImage& other, ByteMutator& mutator);
  void MutateSize(ByteMutator& mutator);
  uint64_t Size() const;
  uint64_t OffsetOf(const std::string& part) const;

  std::string header_;
  std::vector<std::string> parts_;
  size_t zeros_ = 0;  ///< bytes behind the parts
};

}  // namespace perigee::tests
