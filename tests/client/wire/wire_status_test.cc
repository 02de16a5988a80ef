// SPDX-License-Identifier: Apache-2.0
#include "client/wire/wire_status.h"

#include <capnp/message.h>
#include <doctest/doctest.h>

#include "storage/foundation/error_reason.h"

namespace perigee::wire {
namespace {

absl::Status RoundTrip(const absl::Status& status) {
  capnp::MallocMessageBuilder message;
  auto root = message.initRoot<schema::Status>();
  EncodeStatus(status, root);
  return DecodeStatus(root.asReader());
}

TEST_CASE("codes and messages survive the wire") {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "what happened");
    CHECK(RoundTrip(status) == status);
  }
}

TEST_CASE("every reason survives the wire with its code") {
  for (int i = 0; i <= static_cast<int>(ErrorReason::kAccessDenied); ++i) {
    const auto reason = static_cast<ErrorReason>(i);
    const absl::Status status = RoundTrip(ErrorWithReason(reason, "why"));
    CHECK(GetErrorReason(status) == reason);
    CHECK(status.code() == ErrorReasonCode(reason));
  }
}

TEST_CASE("the time to wait survives the wire") {
  absl::Status status = ErrorWithReason(ErrorReason::kOverloaded, "busy");
  SetRetryAfterMs(status, 75);
  CHECK(GetRetryAfterMs(RoundTrip(status)) == 75);
  CHECK(GetRetryAfterMs(absl::InternalError("x")) == 0);
}

TEST_CASE("an error that claims to be ok, or an unknown code, decodes to an error") {
  for (const int code : {0, 17, 65'535}) {
    capnp::MallocMessageBuilder message;
    auto root = message.initRoot<schema::Status>();
    root.setCode(static_cast<uint16_t>(code));
    CHECK(!DecodeStatus(root.asReader()).ok());
  }
}

}  // namespace
}  // namespace perigee::wire
