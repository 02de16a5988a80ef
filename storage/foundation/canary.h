// SPDX-License-Identifier: Apache-2.0
//
// Canaries: deliberate bugs, one a promise, that prove the tests of docs/guarantees.md would
// notice.
//
//   if (!CanaryActive("ack-before-fsync")) {
//     PERIGEE_RETURN_IF_ERROR(file.Sync());
//   }
//
// A name is active when the environment variable PERIGEE_CANARY holds it, and only in a build with
// PERIGEE_CANARIES=ON; in every other build CanaryActive is the constant false and nothing of the
// bug is compiled in. tests/canaries/list says which test must fail for which name.
// Thread-safety: CanaryActive may be called from every thread.
#pragma once

#include <string_view>

namespace perigee {

#ifdef PERIGEE_CANARIES
bool CanaryActive(std::string_view name);
#else
constexpr bool CanaryActive(std::string_view) { return false; }
#endif

}  // namespace perigee
