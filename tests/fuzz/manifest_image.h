// SPDX-License-Identifier: Apache-2.0
//
// ManifestImage: the bytes of one manifest file, taken apart loosely into header block, records and
// stray blocks, so that a mutation can reach an edit and the checksums and hashes above it can be
// made right again.
//
// Invariants: Parse and Bytes work on any bytes, and Bytes gives back what Parse took as long as
// nothing was changed in between. What does not look like a record is a part of one block.
// Thread-safety: an object is used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/byte_mutator.h"

namespace perigee::tests {

class ManifestImage {
 public:
  static ManifestImage Parse(std::string_view bytes);
  /// A file that holds the checkpoint of an empty state, linked.
  static ManifestImage Fresh();
  std::string Bytes() const;

  /// One change; sealed or linked afterwards, or not.
  void Mutate(ByteMutator& mutator);
  /// Makes every record follow the one before, from the header on, and seals it.
  void Relink();

 private:
  void MutateHeader(ByteMutator& mutator);
  void MutateRecord(std::string& part, ByteMutator& mutator);
  void MutateEdit(std::string& part, ByteMutator& mutator);
  void MutateOrder(ByteMutator& mutator);
  void SealHeader();
  std::vector<std::string> Uuids() const;

  std::string header_;
  std::vector<std::string> parts_;
};

}  // namespace perigee::tests
