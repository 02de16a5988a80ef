// SPDX-License-Identifier: Apache-2.0
//
// ByteMutator: the random choices of a structure-aware mutator: fields of known width, runs of
// bytes, and positions, all from one seed.
//
// Invariants: the same seed gives the same choices; only the runs ask MutatePlainBytes, which in
// a fuzz build brings the values that the code under test compared with.
// Thread-safety: an object is used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

namespace perigee::tests {

class ByteMutator {
 public:
  explicit ByteMutator(uint32_t seed) : random_(seed) {}

  /// From 0 to bound - 1. Requires: bound > 0.
  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool Chance(uint64_t percent) { return Below(100) < percent; }

  /// Another value for a field that holds `value`: a neighbour, a flipped bit, a power of two, a
  /// limit of its width, or anything.
  uint64_t Integer(uint64_t value);
  /// Changes the little-endian field of `width` bytes at `offset`; does nothing beyond the end.
  void Field(std::string& bytes, size_t offset, size_t width);
  /// Sets it.
  static void Put(std::string& bytes, size_t offset, size_t width, uint64_t value);
  /// Reads it; 0 beyond the end.
  static uint64_t Get(const std::string& bytes, size_t offset, size_t width);
  /// Lets MutatePlainBytes change `bytes`, which may grow to `size_max`.
  void MutateRun(std::string& bytes, size_t size_max);
  /// The same within [offset, offset + length), whose length stays.
  void MutateInside(std::string& bytes, size_t offset, size_t length);

 private:
  std::mt19937 random_;
};

}  // namespace perigee::tests
