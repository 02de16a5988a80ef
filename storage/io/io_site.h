// SPDX-License-Identifier: Apache-2.0
//
// IoSite: the place in the sources that made a call of File or FileSystem. The calls take it as
// their last argument by default, so that no caller writes it. Backends ignore it; the simulated
// disk records it and can fail the calls of one site, which makes the coverage of error handling a
// number: tests/durability/injection_sites.h lists all sites, and a test says which it met.
//
// Invariants: file is a string literal, or "" in an IoSite that names no place.
// Thread-safety: a value.
#pragma once

#include <cstdint>

namespace perigee::storage {

struct IoSite {
  const char* file = "";
  uint32_t line = 0;

  /// Where the call is that has this as a default argument.
  static constexpr IoSite Here(const char* file = __builtin_FILE(),
                               uint32_t line = __builtin_LINE()) {
    return {.file = file, .line = line};
  }
};

}  // namespace perigee::storage
