// SPDX-License-Identifier: Apache-2.0
//
// PERIGEE_CHECK(condition, ...): a programmer error prints file, line, the condition and the given
// values, then aborts; it is active in release builds too. Bytes from disk or network are never
// checked this way: they yield a Status (docs/decisions/0002).
//
//   PERIGEE_CHECK(offset <= size_, "offset ", offset, " size ", size_);
//
// Invariants: the values are evaluated only when the condition is false.
// Thread-safety: may be used from every thread.
#pragma once

#include <string>

#include "absl/strings/str_cat.h"

namespace perigee {

/// Prints the failure to standard error and aborts the process.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              const std::string& values);

}  // namespace perigee

#define PERIGEE_CHECK(condition, ...)                                      \
  do {                                                                     \
    if (!(condition)) [[unlikely]] {                                       \
      ::perigee::CheckFailed(__FILE__, __LINE__, #condition,               \
                             absl::StrCat("" __VA_OPT__(, ) __VA_ARGS__)); \
    }                                                                      \
  } while (false)
