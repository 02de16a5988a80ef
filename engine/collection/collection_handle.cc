// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/collection_handle.h"

#include "absl/strings/str_cat.h"
#include "engine/collection/collection_core.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee {
namespace {

std::string_view RightName(Right right) {
  switch (right) {
    case Right::kRead:
      return "read";
    case Right::kReadVectors:
      return "read_vectors";
    case Right::kWrite:
      return "write";
    case Right::kAdmin:
      return "admin";
    case Right::kStatus:
      return "status";
  }
  return "unknown";
}

}  // namespace

absl::Status RequireRight(const Access& access, Right right, std::string_view call) {
  if (access.Has(right)) {
    return absl::OkStatus();
  }
  return ErrorWithReason(
      ErrorReason::kAccessDenied,
      absl::StrCat(Absl(call), " needs the right '", Absl(RightName(right)), "', which '",
                   access.principal(), "' does not have; ask an administrator for it"));
}

namespace engine {

absl::Status CollectionHandle::Require(Right right, std::string_view call) const {
  PERIGEE_RETURN_IF_ERROR(RequireRight(access_, right, call));
  return core_->CheckUsable();
}

}  // namespace engine
}  // namespace perigee
