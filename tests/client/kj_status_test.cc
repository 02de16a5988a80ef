// SPDX-License-Identifier: Apache-2.0
#include "client/kj_status.h"

#include <doctest/doctest.h>

#include "storage/foundation/error_reason.h"

namespace perigee::client {
namespace {

TEST_CASE("what exceptions of the library mean") {
  const auto code = [](kj::Exception::Type type) {
    return StatusOfException(kj::Exception(type, "file", 1, kj::str("why")), "query").code();
  };
  CHECK(code(kj::Exception::Type::DISCONNECTED) == absl::StatusCode::kUnavailable);
  CHECK(code(kj::Exception::Type::OVERLOADED) == absl::StatusCode::kResourceExhausted);
  CHECK(code(kj::Exception::Type::UNIMPLEMENTED) == absl::StatusCode::kUnimplemented);
  CHECK(code(kj::Exception::Type::FAILED) == absl::StatusCode::kInternal);
}

TEST_CASE("only a write that was sent has an unknown outcome") {
  const kj::Exception lost(kj::Exception::Type::DISCONNECTED, "file", 1, kj::str("gone"));
  CHECK(GetErrorReason(StatusOfLostWrite(lost, "upsert", true)) == ErrorReason::kUnknownOutcome);
  CHECK(GetErrorReason(StatusOfLostWrite(lost, "upsert", false)) == std::nullopt);
  CHECK(StatusOfLostWrite(lost, "upsert", false).code() == absl::StatusCode::kUnavailable);
  const kj::Exception failed(kj::Exception::Type::FAILED, "file", 1, kj::str("bug"));
  CHECK(StatusOfLostWrite(failed, "upsert", true).code() == absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace perigee::client
