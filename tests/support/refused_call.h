// SPDX-License-Identifier: Apache-2.0
//
// RefusedCall: a system call that a real filter of the kernel (seccomp) answers with an error, as
// the filters of containers do; for tests of what happens where the kernel lacks or refuses
// something, without a hook in the code under test.
//
// Invariants: only a forked child gets the filter, so nothing is left behind in the test's process.
// Thread-safety: the caller has one thread, or `check` uses nothing that another thread may hold.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

namespace perigee::tests {

struct RefusedCall {
  int number = 0;        ///< SYS_openat2
  int error_number = 0;  ///< what it returns
  /// Only calls one of whose arguments has a bit of a mask: {argument, mask}.
  struct Argument {
    uint32_t index = 0;
    uint32_t mask = 0;  ///< of its lower half
  };
  std::optional<Argument> only_with = std::nullopt;
};

/// Whether `check` holds in a child process in which `calls` are refused. REQUIREs that the filter
/// could be set.
bool HoldsWhereRefused(std::span<const RefusedCall> calls, const std::function<bool()>& check);

}  // namespace perigee::tests
