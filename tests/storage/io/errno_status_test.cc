// SPDX-License-Identifier: Apache-2.0
#include "storage/io/errno_status.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <string>

#include "storage/foundation/error_reason.h"

namespace perigee::storage {
namespace {

TEST_CASE("errno values have the codes of the interface") {
  const auto code = [](int error_number) { return ErrnoStatus(error_number, "read", "f").code(); };
  CHECK(code(ENOENT) == absl::StatusCode::kNotFound);
  CHECK(code(EEXIST) == absl::StatusCode::kAlreadyExists);
  for (const int error_number : {EACCES, EPERM, EROFS}) {
    CHECK(code(error_number) == absl::StatusCode::kPermissionDenied);
  }
  for (const int error_number : {EMFILE, ENFILE, ENOMEM, ENOSPC, EDQUOT}) {
    CHECK(code(error_number) == absl::StatusCode::kResourceExhausted);
  }
  for (const int error_number : {EIO, EINVAL, EBADF, ENOTDIR, ELOOP, 9999}) {
    CHECK(code(error_number) == absl::StatusCode::kUnavailable);
  }
  CHECK(GetErrorReason(ErrnoStatus(ENOSPC, "write", "f")) == ErrorReason::kDiskFull);
  CHECK(GetErrorReason(ErrnoStatus(EDQUOT, "write", "f")) == ErrorReason::kDiskFull);
  CHECK_FALSE(GetErrorReason(ErrnoStatus(EMFILE, "open", "f")).has_value());
}

TEST_CASE("the message says what failed on what and why") {
  const std::string message(ErrnoStatus(EIO, "sync", "some/path").message());
  CHECK(message.find("sync some/path: ") == 0);
  CHECK(message.find("errno 5") != std::string::npos);
}

}  // namespace
}  // namespace perigee::storage
