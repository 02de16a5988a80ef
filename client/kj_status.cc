// SPDX-License-Identifier: Apache-2.0
#include "client/kj_status.h"

#include "absl/strings/str_cat.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::client {
namespace {

std::string Message(const kj::Exception& exception, std::string_view context) {
  return absl::StrCat(Absl(context), ": ", exception.getDescription().cStr());
}

}  // namespace

absl::Status StatusOfException(const kj::Exception& exception, std::string_view context) {
  const std::string message = Message(exception, context);
  switch (exception.getType()) {
    case kj::Exception::Type::DISCONNECTED:
      return absl::UnavailableError(message);
    case kj::Exception::Type::OVERLOADED:
      return ErrorWithReason(ErrorReason::kOverloaded, message);
    case kj::Exception::Type::UNIMPLEMENTED:
      return absl::UnimplementedError(message);
    case kj::Exception::Type::FAILED:
      return absl::InternalError(message);
  }
  return absl::InternalError(message);
}

absl::Status StatusOfLostWrite(const kj::Exception& exception, std::string_view context,
                               bool sent) {
  if (sent && exception.getType() == kj::Exception::Type::DISCONNECTED) {
    return ErrorWithReason(ErrorReason::kUnknownOutcome,
                           absl::StrCat(Message(exception, context),
                                        "; the write may have happened: repeat it, or look"));
  }
  return StatusOfException(exception, context);
}

}  // namespace perigee::client
