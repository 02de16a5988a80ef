// SPDX-License-Identifier: Apache-2.0
//
// ForkGeneration: tells a process from the one that forked it. What must not be used in a child
// (locks, rings) remembers the value of its creation and compares.
//
// Invariants: the value is constant within one process and different in a child made by fork, from
// the first use in the parent on.
// Thread-safety: may be called from every thread, and in a forked child.
#pragma once

#include <cstdint>

namespace perigee::storage {

/// How many forks lie between this process and the first one that called this function.
uint64_t ForkGeneration();

}  // namespace perigee::storage
