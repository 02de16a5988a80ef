// SPDX-License-Identifier: Apache-2.0
#include "storage/foundation/canary.h"

#ifdef PERIGEE_CANARIES
#include <cstdlib>

namespace perigee {

bool CanaryActive(std::string_view name) {
  static const char* const active = std::getenv("PERIGEE_CANARY");
  return active != nullptr && name == active;
}

}  // namespace perigee
#endif
