// SPDX-License-Identifier: Apache-2.0
//
// WithinMemory: where a shortage of memory ends as a status. It stands at the entries of the
// library that decode and read (docs/decisions/0014); behind it containers may fail to allocate
// without every caller having to look.
//
// Invariants: no std::bad_alloc leaves it; other exceptions pass. What stands inside is abandoned
// half way, so it must hold nothing that outlives the call and was being changed.
// Thread-safety: as the call it is given.
#pragma once

#include <new>
#include <stdexcept>

#include "absl/status/status.h"

namespace perigee {

/// kResourceExhausted, made even when no memory is left for its message.
absl::Status OutOfMemory();

/// The result of `call`, or OutOfMemory. `call` returns a Status or a StatusOr.
template <typename Call>
auto WithinMemory(const Call& call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return OutOfMemory();
  } catch (const std::length_error&) {  // a container that could never have this size
    return OutOfMemory();
  }
}

}  // namespace perigee
