// SPDX-License-Identifier: Apache-2.0
//
// TestSeed: the seed of a random test, so that a failure can be repeated:
// PERIGEE_TEST_SEED=12345 bin/perigee_engine_tests -tc='...'.
//
// Invariants: without the variable the default is returned, so a plain run is always the same; a
// test prints the seed with INFO or MESSAGE.
// Thread-safety: a function without state.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

namespace perigee::tests {

inline uint64_t TestSeed(uint64_t default_seed) {
  const char* text = std::getenv("PERIGEE_TEST_SEED");
  return text == nullptr ? default_seed : std::strtoull(text, nullptr, 0);
}

}  // namespace perigee::tests
