// SPDX-License-Identifier: Apache-2.0
#include "storage/foundation/canary.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <string_view>

namespace perigee {
namespace {

TEST_CASE("a canary sings only where it was compiled in and asked for") {
#ifdef PERIGEE_CANARIES
  const char* const asked_for = std::getenv("PERIGEE_CANARY");
  CHECK(CanaryActive("canary-test") ==
        (asked_for != nullptr && std::string_view(asked_for) == "canary-test"));
#else
  static_assert(!CanaryActive("canary-test"));
#endif
  CHECK_FALSE(CanaryActive("no-such-canary"));
}

}  // namespace
}  // namespace perigee
