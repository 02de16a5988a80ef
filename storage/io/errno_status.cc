// SPDX-License-Identifier: Apache-2.0
#include "storage/io/errno_status.h"

#include <cerrno>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::storage {

absl::Status ErrnoStatus(int error_number, std::string_view operation, std::string_view path) {
  const std::string message =
      absl::StrCat(Absl(operation), " ", Absl(path), ": ",
                   std::generic_category().message(error_number), " (errno ", error_number, ")");
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return ErrorWithReason(ErrorReason::kDiskFull, message);
    case ENOENT:
      return absl::NotFoundError(message);
    case EEXIST:
      return absl::AlreadyExistsError(message);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::UnavailableError(message);
  }
}

}  // namespace perigee::storage
