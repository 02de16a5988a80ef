// SPDX-License-Identifier: Apache-2.0
//
// EditImage: the bytes of one manifest edit, taken apart loosely into its fixed part and its items,
// so that a mutation can change, move, lend and invent items.
//
// Invariants: Parse and Bytes work on any bytes, and Bytes gives back what Parse took as long as
// nothing was changed in between, but for a wrong count of items.
// Thread-safety: an object is used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/byte_mutator.h"

namespace perigee::tests {

class EditImage {
 public:
  static EditImage Parse(std::string_view bytes);
  /// An edit of version 1 of the format without items.
  static EditImage Empty(bool is_checkpoint);
  std::string Bytes() const;

  /// One change; `uuids` are those that the manifest knows.
  void Mutate(const std::vector<std::string>& uuids, ByteMutator& mutator);
  /// What the frame and the edit before say of it.
  void Link(uint64_t version, std::string_view database, std::string_view parent);
  /// Appends the uuids that its items name.
  void CollectUuids(std::vector<std::string>& uuids) const;

 private:
  void MutateItem(const std::vector<std::string>& uuids, ByteMutator& mutator);
  std::string RandomItem(const std::vector<std::string>& uuids, ByteMutator& mutator) const;

  std::string fixed_;
  std::vector<std::string> items_;  ///< each with its header of 8 bytes
  std::string rest_;                ///< behind the last item that could be told
};

}  // namespace perigee::tests
