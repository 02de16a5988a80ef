// SPDX-License-Identifier: Apache-2.0
#include "storage/foundation/error_reason.h"

#include <doctest/doctest.h>

namespace perigee {
namespace {

constexpr int kReasonCount = static_cast<int>(ErrorReason::kAccessDenied) + 1;

TEST_CASE("every reason has its own name that parses back") {
  for (int i = 0; i < kReasonCount; ++i) {
    const auto reason = static_cast<ErrorReason>(i);
    REQUIRE(ParseErrorReason(ErrorReasonName(reason)).has_value());
    CHECK(*ParseErrorReason(ErrorReasonName(reason)) == reason);
  }
  CHECK_FALSE(ParseErrorReason("no_such_reason").has_value());
}

TEST_CASE("a status carries its reason through added context") {
  const absl::Status status = ErrorWithReason(ErrorReason::kLocked, "directory 'd' is locked");
  const absl::Status outer = WithContext(status, "open");
  CHECK(outer.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(outer.message() == "open: directory 'd' is locked");
  REQUIRE(GetErrorReason(outer).has_value());
  CHECK(*GetErrorReason(outer) == ErrorReason::kLocked);
  CHECK_FALSE(GetErrorReason(absl::InternalError("x")).has_value());
  CHECK(WithContext(absl::OkStatus(), "open").ok());
}

TEST_CASE("a storage failure is never retriable") {
  CHECK_FALSE(ErrorReasonRetriable(ErrorReason::kStorageFailed));
  CHECK_FALSE(ErrorReasonRetriable(ErrorReason::kDamaged));
  CHECK(ErrorReasonRetriable(ErrorReason::kOverloaded));
}

}  // namespace
}  // namespace perigee
