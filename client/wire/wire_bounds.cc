// SPDX-License-Identifier: Apache-2.0
#include "client/wire/wire_bounds.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::wire {

absl::Status CheckCount(std::string_view what, size_t count, size_t count_max) {
  if (count <= count_max) {
    return absl::OkStatus();
  }
  return ErrorWithReason(ErrorReason::kLimit, absl::StrCat(Absl(what), " has ", count,
                                                           " elements; the limit is ", count_max));
}

absl::StatusOr<std::string> CopyText(std::string_view what, capnp::Text::Reader text,
                                     size_t bytes_max) {
  if (text.size() > bytes_max) {
    return ErrorWithReason(ErrorReason::kLimit, absl::StrCat(Absl(what), " has ", text.size(),
                                                             " bytes; the limit is ", bytes_max));
  }
  return std::string(text.begin(), text.size());
}

kj::uint WireCount(size_t count) {
  PERIGEE_CHECK(count <= std::numeric_limits<kj::uint>::max(), "count ", count);
  return static_cast<kj::uint>(count);
}

absl::Status MalformedMessage(const kj::Exception& exception) {
  // The library's text names our sources and may quote the message: it goes to the log alone (K8).
  Log(LogLevel::kWarning, "wire.malformed_message", exception.getDescription().cStr());
  return absl::InvalidArgumentError("the message is malformed");
}

}  // namespace perigee::wire
