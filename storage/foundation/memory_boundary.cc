// SPDX-License-Identifier: Apache-2.0
#include "storage/foundation/memory_boundary.h"

namespace perigee {

absl::Status OutOfMemory() {
  try {
    return absl::ResourceExhaustedError(
        "out of memory: there is less than this call needs; give the process more, or ask for "
        "less");
  } catch (const std::bad_alloc&) {
    return {absl::StatusCode::kResourceExhausted, ""};  // needs no memory
  }
}

}  // namespace perigee
