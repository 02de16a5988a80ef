// SPDX-License-Identifier: Apache-2.0
#include "perigee/model/exit_code.h"

#include <doctest/doctest.h>

#include "storage/foundation/error_reason.h"

namespace perigee {
namespace {

TEST_CASE("exit codes follow the table of docs/errors.md") {
  CHECK(ExitCodeOf(absl::OkStatus()) == ExitCode::kOk);
  CHECK(ExitCodeOf(absl::InvalidArgumentError("x")) == ExitCode::kBadData);
  CHECK(ExitCodeOf(absl::NotFoundError("x")) == ExitCode::kNoInput);
  CHECK(ExitCodeOf(absl::UnavailableError("x")) == ExitCode::kUnavailable);
  CHECK(ExitCodeOf(absl::DataLossError("x")) == ExitCode::kIoError);
  CHECK(ExitCodeOf(absl::InternalError("x")) == ExitCode::kInternal);
  CHECK(ExitCodeOf(absl::PermissionDeniedError("x")) == ExitCode::kNoPermission);
}

TEST_CASE("a reason decides before the code") {
  CHECK(ExitCodeOf(ErrorWithReason(ErrorReason::kLocked, "x")) == ExitCode::kTryLater);
  CHECK(ExitCodeOf(ErrorWithReason(ErrorReason::kNotADatabase, "x")) == ExitCode::kConfiguration);
  CHECK(ExitCodeOf(ErrorWithReason(ErrorReason::kStorageFailed, "x")) == ExitCode::kIoError);
  CHECK(ExitCodeOf(WithContext(ErrorWithReason(ErrorReason::kDamaged, "x"), "open")) ==
        ExitCode::kIoError);
}

}  // namespace
}  // namespace perigee
